"""Numbers as text: the same in every view, with a real minus sign and never a negative zero."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from edgeval.errors import plural
from edgeval.records import Interval

MINUS = "\N{MINUS SIGN}"

_MOST_DECIMALS = 4
_MIB = 1024.0**2


def plain(value: float, decimals: int) -> str:
    """Return a number with a fixed number of decimals and thousands separators."""
    text = f"{abs(value):,.{decimals}f}"
    return MINUS + text if value < 0 and text.strip("0.,") else text


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign; what rounds to zero has none."""
    text = plain(value, decimals)
    return "+" + text if value > 0 and text.strip("0.,") else text


def nats(value: float) -> str:
    """Return a size in nats with two significant digits, for example ``0.0042``."""
    decimals = 1 - math.floor(math.log10(value)) if value > 0 else 0
    return plain(value, max(0, decimals))


def significant(value: float) -> str:
    """Return a number with three digits or more, for example ``0.0420`` or ``1,230``."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return plain(value, min(6, max(0, decimals)))


def bound(points: float, margin_points: float) -> str:
    """Return one end of an interval in points, to one decimal or to as many as it needs.

    Rounding never moves it onto or over zero or the margin of equivalence, because the reader
    takes from it on which side of them the interval ends.
    """
    edges = (-margin_points, 0.0, margin_points)
    for decimals in range(1, _MOST_DECIMALS):
        rounded = round(points, decimals)
        if all(_side(rounded, edge) == _side(points, edge) for edge in edges):
            return signed(points, decimals)
    return signed(points, _MOST_DECIMALS)


def difference_interval(points: Interval, margin_points: float) -> str:
    """Return an interval in points, for example ``[-1.1, +0.3]``."""
    return f"[{bound(points.low, margin_points)}, {bound(points.high, margin_points)}]"


def accuracy(fraction: float) -> str:
    """Return a fraction in percent with two decimals, without the sign."""
    return plain(100 * fraction, 2)


def accuracy_interval(interval: Interval) -> str:
    """Return an interval of fractions in percent, for example ``[68.3, 73.9]``."""
    return f"[{plain(100 * interval.low, 1)}, {plain(100 * interval.high, 1)}]"


def level(interval: Interval) -> str:
    """Return the interval's confidence level, for example ``95%``."""
    return f"{100 * interval.level:g}%"


def p_value(p: float) -> str:
    """Return a p-value with three decimals, or that it is below them."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def probability(value: float) -> str:
    """Return a probability in whole percent; only certainty is shown as 0% or 100%."""
    if 0 < value < 0.01:
        return "below 1%"
    if 0.99 < value < 1:
        return "above 99%"
    return f"{100 * value:.0f}%"


def size(count: int) -> str:
    """Return a number of bytes with three digits or more, for example ``2.05 GiB``."""
    mebibytes = count / _MIB
    if mebibytes >= 1023.5:
        return f"{mebibytes / 1024:,.2f} GiB"
    if mebibytes >= 99.95:
        return f"{mebibytes:.0f} MiB"
    return f"{mebibytes:.1f} MiB" if mebibytes >= 0.1 else f"{count / 1024:.1f} KiB"


def rate(per_second: float) -> str:
    """Return a speed with three digits or more."""
    return plain(per_second, 0 if per_second >= 99.95 else 1)


def duration(seconds: float) -> str:
    """Return a duration, for example ``0.8 s``, ``2 min 05 s`` or ``13 h 04 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02d} min"


def moment(time: datetime) -> str:
    """Return a time in UTC to the minute; one without a zone is taken to be UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    try:
        return f"{aware.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
    except OverflowError:  # The first and the last day of the calendar, in some zones.
        return aware.isoformat(" ", "minutes")


def about(count: int) -> str:
    """Return a count to two digits, for an estimate."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{round(count / unit) * unit:,}"


def points(count: float) -> str:
    """Return a number of points: ``1 point``, ``0.5 points``."""
    return f"{count:g} {plural(count, 'point')}"


def _side(value: float, edge: float) -> int:
    return (value > edge) - (value < edge)
