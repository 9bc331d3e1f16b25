"""Pooled comparison: one type beside the reference over several tasks, from their records alone.

Tasks are strata: their items are drawn, and flip, independently of those of other tasks. A weighted
sum of differences has an interval that is made of theirs: the squares of the distances from the
estimates to the ends add up (Zou and Donner 2008, Statistics in Medicine 27:1693, section 2; of
proportions: Zou, Huang and Zhang 2009, Computational Statistics and Data Analysis 53:1080). Of what
is known for certain, or is valid at every look, the ends themselves are added instead: that holds
whenever all of them hold, whatever they depend on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeval.records import (
    Drift,
    Interval,
    ModelRun,
    Outcome,
    PooledDifference,
    PooledDrift,
    Report,
    TaskAverage,
)
from edgeval.stats.intervals import LEVEL
from edgeval.stats.ladder_test import error_of
from edgeval.stats.mcnemar import holm, mcnemar

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Part:
    """An estimate of one task, with the interval that it lies in.

    Attributes:
        weight: Its weight in the sum; all weights add up to 1.
        value: The estimate.
        low: The lower end.
        high: The upper end.
    """

    weight: float
    value: float
    low: float
    high: float


def weighted_sum(parts: Sequence[Part], *, adds_ends: bool = False) -> tuple[float, float, float]:
    """Return a weighted sum of independent estimates, and the ends of its interval.

    Args:
        parts: The estimates.
        adds_ends: Whether the ends are added, instead of the squares of their distances.

    Returns:
        The sum, the lower and the upper end.
    """
    value = math.fsum(part.weight * part.value for part in parts)
    # An interval of counts may end a rounding short of the estimate, or be centred elsewhere.
    below = [part.weight * max(0.0, part.value - part.low) for part in parts]
    above = [part.weight * max(0.0, part.high - part.value) for part in parts]
    distance: Callable[[list[float]], float] = math.fsum if adds_ends else _root_of_squares
    return value, value - distance(below), value + distance(above)


def _root_of_squares(distances: Sequence[float]) -> float:
    return math.sqrt(math.fsum(each * each for each in distances))


def together(reports: Sequence[Report]) -> tuple[list[Report], list[PooledDrift]]:
    """Return the records of several tasks as they are judged together, and what all of them say.

    Args:
        reports: A record a task, each judged as one of so many.

    Returns:
        The records, whose p-values are adjusted for all that is tested; and each type that all of
        them compare, in the order of the first.
    """
    if any(report.reference is None for report in reports):
        return list(reports), []
    pooled = [_pooled(reports, label) for label in _labels(reports)]
    drifts = [drift for report in reports for drift in report.drift]
    tested: list[Drift | PooledDrift] = [*drifts, *pooled]
    p_values = [each.mcnemar_p for each in tested]
    adjusted = iter(holm([p for p in p_values if p is not None]))
    found = [None if p is None else next(adjusted) for p in p_values]
    again = iter(found)
    renewed = [
        report.model_copy(
            update={
                "drift": [
                    each.model_copy(update={"mcnemar_p_holm": next(again)}) for each in report.drift
                ]
            }
        )
        for report in reports
    ]
    return renewed, [each.model_copy(update={"mcnemar_p_holm": next(again)}) for each in pooled]


def averages(reports: Sequence[Report]) -> list[TaskAverage]:
    """Return the mean of each type's accuracies over the tasks, if all have it.

    Args:
        reports: A record a task; the metric of each is that of its protocol.
    """
    runs = [{run.label: run for run in report.runs} for report in reports]
    labels = [label for label in runs[0] if all(label in each for each in runs)]
    return [_average(reports, [each[label] for each in runs]) for label in labels]


def _average(reports: Sequence[Report], runs: Sequence[ModelRun]) -> TaskAverage:
    found = [run.metrics[report.protocol.metric] for run, report in zip(runs, reports, strict=True)]
    stops = any(run.stopping is not None for run in runs)
    weight, adds_ends = 1 / len(found), stops or not _are_random(reports)
    parts = [
        Part(weight, each.value, each.split_interval.low, each.split_interval.high)
        for each in found
    ]
    value, low, high = weighted_sum(parts, adds_ends=adds_ends)
    # Ends that are valid at every look are so each by itself.
    missed = math.fsum(1 - each.split_interval.level for each in found) if stops else 1 - LEVEL
    split = Interval(low=max(0.0, low), high=min(1.0, high), level=max(0.0, 1 - missed))
    of_new = [each.interval for each in found if each.interval is not None]
    new_items = None
    if len(of_new) == len(found):
        _, low, high = weighted_sum(
            [
                Part(weight, each.value, interval.low, interval.high)
                for each, interval in zip(found, of_new, strict=True)
            ]
        )
        new_items = Interval(low=max(0.0, low), high=min(1.0, high), level=LEVEL)
    return TaskAverage(label=runs[0].label, value=value, interval=new_items, split_interval=split)


def _labels(reports: Sequence[Report]) -> list[str]:
    """Return the types that all records compare, in the order of the first."""
    compared = [{drift.label for drift in report.drift} for report in reports]
    return [
        drift.label
        for drift in (reports[0].drift if reports else ())
        if all(drift.label in each for each in compared)
    ]


def _pooled(reports: Sequence[Report], label: str) -> PooledDrift:
    drifts = [next(each for each in report.drift if each.label == label) for report in reports]
    sizes = [report.data.n_total for report in reports]
    margin = drifts[0].split.margin_points
    gained = sum(drift.wrong_to_right for drift in drifts)
    lost = sum(drift.right_to_wrong for drift in drifts)
    p = None if any(drift.mcnemar_p is None for drift in drifts) else mcnemar(gained, lost)
    by_items = [size / sum(sizes) for size in sizes]
    by_tasks = [1 / len(drifts)] * len(drifts)
    return PooledDrift(
        label=label,
        reference=drifts[0].reference,
        n_items=sum(drift.n_items for drift in drifts),
        margin_points=margin,
        right_to_wrong=lost,
        wrong_to_right=gained,
        by_items=_difference(reports, drifts, by_items, margin),
        by_tasks=_difference(reports, drifts, by_tasks, margin),
        mcnemar_p=p,
        mcnemar_p_holm=p,
    )


def _difference(
    reports: Sequence[Report], drifts: Sequence[Drift], weights: Sequence[float], margin: float
) -> PooledDifference:
    is_certain = not _are_random(reports) or any(drift.stopping for drift in drifts)
    parts = [
        Part(weight, drift.difference_points, *_ends(report, drift, is_certain))
        for report, drift, weight in zip(reports, drifts, weights, strict=True)
    ]
    value, low, high = weighted_sum(parts, adds_ends=is_certain)
    new_items = None
    intervals = [drift.new_items for drift in drifts if drift.new_items is not None]
    if len(intervals) == len(drifts):
        _, least, most = weighted_sum(
            [
                Part(weight, drift.difference_points, interval.low, interval.high)
                for drift, weight, interval in zip(drifts, weights, intervals, strict=True)
            ]
        )
        new_items = Interval(low=max(-100.0, least), high=min(100.0, most), level=LEVEL)
    split = Interval(low=max(-100.0, low), high=min(100.0, high), level=LEVEL)
    return PooledDifference(
        difference_points=value,
        split=split,
        new_items=new_items,
        outcome=_outcome(split, margin),
    )


def _are_random(reports: Sequence[Report]) -> bool:
    return all(
        report.data.order != "file" or report.data.n_items == report.data.n_total
        for report in reports
    )


def _ends(report: Report, drift: Drift, is_certain: bool) -> tuple[float, float]:
    """Return the interval of a task's difference on its split, in points.

    What the ladder test showed may have narrowed that of the record: it is so with the others
    alone, and not by itself.
    """
    population = report.data.n_total
    if is_certain or drift.n_items == population:
        return drift.split.interval_points.low, drift.split.interval_points.high
    # NumPy is loaded for slices alone: most views need none.
    from edgeval.stats.split_difference import bounds

    counts = drift.wrong_to_right, drift.right_to_wrong, drift.n_items
    low, high = bounds(*counts, population, error_of(len(report.drift) * report.n_together))
    return 100 * low / population, 100 * high / population


def _outcome(interval: Interval, margin: float) -> Outcome:
    low, high = interval.low, interval.high
    if -margin - _ROUNDING <= low and high <= margin + _ROUNDING:
        return "equivalent"
    if high < -margin - _ROUNDING:
        return "worse"
    return "different" if low > 0 or high < 0 else "open"
