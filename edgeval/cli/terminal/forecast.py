"""Forecast, shown in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from edgeval.records.forecast import Forecast, Range
from edgeval.records.sensors import JOULES_A_WATT_HOUR
from edgeval.report import formatting as fmt
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_UNKNOWN = "\N{EN DASH}"
_UNITS = (
    (90.0, 1.0, "s"),
    (5400.0, 60.0, "min"),
    (172_800.0, 3600.0, "h"),
    (math.inf, 86_400.0, "days"),
)


def print_forecast(found: Forecast) -> None:
    """Print what a run will take, by its parts, and what cheaper runs would."""
    console = stdout_console()
    tables = [_parts(found)]
    if found.alternatives:
        tables.append(_alternatives(found))
    console.print_each(tables, are_apart=True)
    for sentence in sentences(found, has_tables=True):
        console.print(sentence)


def sentences(found: Forecast, *, has_tables: bool = False) -> Iterator[str]:
    """Yield what a run will take, in words.

    Args:
        found: The forecast.
        has_tables: Whether tables tell the cheaper runs already.
    """
    free = ""
    if found.free_bytes is not None:
        free = f", of {fmt.size(found.free_bytes)} that are free"
    yield (
        f"This run takes about {_time(found.time_s)} with {found.threads} threads, and "
        f"{fmt.size(found.memory_bytes)} of memory{free}."
    )
    for each in found.energy:
        energy = each.joules.value / JOULES_A_WATT_HOUR
        yield f"It takes about {energy:.2g} Wh, at {each.watts:.1f} W by {each.source}."
    for other in () if has_tables else found.alternatives:
        yield f"Cheaper: {other.options} takes {_time(other.time_s)}, and tells {other.meaning}."
    wanted = [part for part in found.parts if part.n_items.high]
    if untried := [part.label for part in wanted if part.tokens_per_s is None]:
        names = ", ".join(dict.fromkeys(untried))
        yield f"There was no time to try {names}: their speed is guessed from the others."


def _parts(found: Forecast) -> Table:
    table = Table.of(
        "what the run will take",
        ["type", "task", "items", "stored", "tokens/s", "time", "between", "memory"],
        numbers=("items", "stored", "tokens/s", "time", "between", "memory"),
        leaving=("task", "stored", "memory"),
    )
    for part in found.parts:
        table.add_row(
            part.label,
            part.task,
            _count(part.n_items),
            f"{part.n_stored:,}" if part.n_stored else _UNKNOWN,
            _UNKNOWN if part.tokens_per_s is None else fmt.rate(part.tokens_per_s),
            _rough(part.time_s.value),
            _between(part.time_s),
            fmt.size(part.memory_bytes) if part.memory_bytes else _UNKNOWN,
        )
    return table


def _alternatives(found: Forecast) -> Table:
    table = Table.of(
        "cheaper runs",
        ["with", "time", "between", "what it tells"],
        numbers=("time", "between"),
        leaving=("between",),
    )
    for each in found.alternatives:
        table.add_row(each.options, _rough(each.time_s.value), _between(each.time_s), each.meaning)
    return table


def _count(items: Range) -> str:
    n_items = round(items.value)
    return f"~{fmt.about(n_items)}" if items.low < items.high else f"{n_items:,}"


def _time(time_s: Range) -> str:
    return f"{_rough(time_s.value)} ({_between(time_s)})"


def _between(time_s: Range) -> str:
    """Return both ends in the unit of the upper one, for example ``9 to 16 min``."""
    scale, unit = _unit(time_s.high)
    return f"{_number(time_s.low / scale)} to {_number(time_s.high / scale)} {unit}"


def _rough(seconds: float) -> str:
    """Return a duration as exactly as it is known, for example ``12 min`` or ``3.5 h``."""
    scale, unit = _unit(seconds)
    return f"{_number(seconds / scale)} {unit}"


def _unit(seconds: float) -> tuple[float, str]:
    """Return the seconds of the unit that a duration is told in, and its name."""
    return next((scale, name) for most, scale, name in _UNITS if seconds < most)


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"
