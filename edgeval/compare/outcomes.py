"""What each machine's record says of its types beside its own reference, at one margin."""

from __future__ import annotations

import math

from edgeval.compare.records import Beside
from edgeval.errors import EdgevalError
from edgeval.paired import judged
from edgeval.records import Evaluation, Report, SplitDifference


def require_margin(points: float) -> None:
    """Refuse a margin that no two accuracies can be held to.

    Raises:
        EdgevalError: If it is not above 0, or above 100.
    """
    if not 0 < points <= 100:
        raise EdgevalError(f"--margin {points:g} is no margin; use points above 0 and to 100")


def beside_reference(record: Report | Evaluation, margin_points: float) -> dict[str, Beside]:
    """Return what a record says of each type's difference to its own reference, by its label.

    Args:
        record: The record; one of ``edgeval eval`` compares nothing.
        margin_points: Two accuracies this close are called equivalent.
    """
    if not isinstance(record, Report):
        return {}
    is_random = record.data.order != "file"
    found = judged(record.drift, record.data.n_total, margin_points, is_random=is_random)
    return {
        each.label: Beside(
            reference=each.reference, difference_points=each.difference_points, split=each.split
        )
        for each in found
    }


def contradict(one: Beside | None, other: Beside | None) -> bool:
    """Return whether the outcomes of two machines cannot both be true of one difference."""
    if one is None or other is None:
        return False
    (low, high), (other_low, other_high) = _stated(one.split), _stated(other.split)
    return max(low, other_low) >= min(high, other_high)


def _stated(found: SplitDifference) -> tuple[float, float]:
    """Return the differences, in points, that an outcome says are possible."""
    margin, interval = found.margin_points, found.interval_points
    if found.outcome == "equivalent":
        return -margin, margin
    if found.outcome == "worse":
        return -math.inf, -margin
    if found.outcome == "open":
        return -math.inf, math.inf
    if interval.low >= 0:
        return (margin if interval.low >= margin else 0.0), math.inf
    return -math.inf, 0.0
