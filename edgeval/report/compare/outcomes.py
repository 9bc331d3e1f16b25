"""Outcomes of the compared records: their types beside their own references, at one margin."""

from __future__ import annotations

import math

from edgeval.records import Evaluation, Report, SplitDifference
from edgeval.records.comparison import Beside
from edgeval.report.derived import at_margin


def beside_reference(record: Report | Evaluation, margin_points: float) -> dict[str, Beside]:
    """Return what a record says of each type's difference to its own reference, by its label.

    Args:
        record: The record; one of ``edgeval eval`` compares nothing.
        margin_points: Two accuracies this close are called equivalent.
    """
    if not isinstance(record, Report):
        return {}
    return {
        drift.label: Beside(
            reference=drift.reference,
            difference_points=drift.difference_points,
            split=drift.split,
            accuracy=drift.split_accuracy,
        )
        for drift in at_margin(record, margin_points)
    }


def contradict(one: Beside | None, other: Beside | None) -> bool:
    """Return whether the outcomes of two machines cannot both be true of one difference."""
    if one is None or other is None:
        return False
    (low, high), (other_low, other_high) = _stated(one.split), _stated(other.split)
    return max(low, other_low) >= min(high, other_high)


def _stated(split: SplitDifference) -> tuple[float, float]:
    """Return the differences, in points, that an outcome says are possible."""
    margin, interval = split.margin_points, split.interval_points
    if split.outcome == "equivalent":
        return -margin, margin
    if split.outcome == "worse":
        return -math.inf, -margin
    if split.outcome == "open":
        return -math.inf, math.inf
    if interval.low >= 0:
        return (margin if interval.low >= margin else 0.0), math.inf
    return -math.inf, 0.0
