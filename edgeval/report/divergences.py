"""Divergences: the table of how far next-token distributions are from the reference's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeval.records import Divergence, Drift, PositionDivergence, Report
from edgeval.report import formatting as fmt
from edgeval.report.details import Table
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import EMPTY

_KL_DECIMALS, _MOST_KL_DECIMALS = 5, 9


def divergence_table(view: RecordView[Report]) -> Table | None:
    """Return how far each type's next-token distributions are from the reference's, if known."""
    rows = [_row(drift, drift.divergence) for drift in view.drifts if drift.divergence is not None]
    header = ["type", "KL, nats", "standard error", "lower bound", "upper estimate"]
    header += [
        "remainder, %",
        "same top token, %",
        "lost",
        "gained",
        "difference",
        "items",
        "positions",
    ]
    return Table(_caption(view), header, rows) if rows else None


def position_table(view: RecordView[Report]) -> Table | None:
    """Return the same by the position of the token that is predicted; None where all have one."""
    known = [drift for drift in view.drifts if drift.divergence and drift.divergence.by_position]
    ranges = {each.first: each for drift in known for each in _by_position(drift)}
    if len(ranges) < 2:
        return None
    of_type = [{each.first: each for each in _by_position(drift)} for drift in known]
    rows = [
        [range_in_words(shown), *(_with_error(found.get(first)) for found in of_type)]
        for first, shown in sorted(ranges.items())
    ]
    return Table(
        "KL divergence in nats and its standard error, by the token of a choice",
        ["token", *(drift.label for drift in known)],
        rows,
    )


def range_in_words(shown: PositionDivergence) -> str:
    """Return which tokens of a choice a range is of, for example ``5 to 6``."""
    return " to ".join(f"{each:,}" for each in dict.fromkeys((shown.first, shown.last)))


def _by_position(drift: Drift) -> Sequence[PositionDivergence]:
    return drift.divergence.by_position if drift.divergence else ()


def _with_error(found: PositionDivergence | None) -> str:
    if found is None:
        return EMPTY
    error = found.best_error_nats
    return _kl(found.best_nats) + ("" if error is None else f" ± {_kl(error)}")


def _row(drift: Drift, divergence: Divergence) -> list[str]:
    mass, full = divergence.remainder_mass, divergence.kl_full_nats
    return [
        drift.label,
        *map(_kl, (full, divergence.best_error_nats, divergence.kl_nats, divergence.kl_upper_nats)),
        EMPTY if mass is None else fmt.accuracy(mass),
        fmt.accuracy(divergence.top1_agreement),
        f"{drift.right_to_wrong:,}",
        f"{drift.wrong_to_right:,}",
        fmt.signed(drift.difference_points, 2),
        f"{divergence.n_items:,}",
        f"{divergence.n_positions:,}",
    ]


def _kl(nats: float | None) -> str:
    """Return a divergence with five decimals, or as many as show three digits of it."""
    if nats is None:
        return EMPTY
    digits = 2 - math.floor(math.log10(nats)) if nats > 0 else 0
    return fmt.plain(nats, min(_MOST_KL_DECIMALS, max(_KL_DECIMALS, digits)))


def _caption(view: RecordView[Report]) -> str:
    """Return what the table tells, and of which items."""
    reference = view.runs[0].run.label
    known = [drift.divergence for drift in view.drifts if drift.divergence is not None]
    told = (
        "the KL divergence, estimated, its lower bound from the 32 most likely tokens and all "
        "others as one, an upper estimate, and the probability of those others, the remainder"
        if any(divergence.kl_full_nats is not None for divergence in known)
        else "a lower bound of the KL divergence, from the 32 most likely tokens and all others as "
        "one"
    )
    weighted = ", which were drawn by what they can tell and are no sample"
    no_sample = weighted if view.is_weighted else ""
    return (
        f"Next-token distributions beside those of {reference}: {told}{_drawn(known)}. It has no "
        f"direction; the flips and the difference have one, on all items evaluated{no_sample}."
    )


def _drawn(known: Sequence[Divergence]) -> str:
    """Return how the items were drawn whose distributions are compared, as a clause."""
    drawn = {divergence.drawn for divergence in known}
    if "file order" in drawn:
        return ", on items of the beginning of a file, which are no sample of the data set"
    if "unknown" in drawn:
        return ", on items that were drawn nobody knows how, and may be no sample of the data set"
    return ", on items drawn at random" if "random" in drawn else ""
