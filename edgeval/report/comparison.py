"""What a saved record says about each run next to the reference."""

from __future__ import annotations

import math
from typing import Literal

from edgeval.errors import EdgevalError
from edgeval.records import Drift, Metric, ModelRun, Report

MARGIN_POINTS = 1.0
"""Two accuracies this close are called equivalent."""

Reading = Literal["reference", "equivalent", "small drift", "drifted", "undecided", "not compared"]

READINGS: dict[Reading, str] = {
    "reference": "what the others are compared with",
    "equivalent": f"the interval lies within {MARGIN_POINTS:g} point of the reference",
    "small drift": f"equivalent within {MARGIN_POINTS:g} point, and the interval excludes zero",
    "drifted": "the interval excludes zero",
    "undecided": "the interval is too wide to tell",
    "not compared": "there is nothing to compare it with",
}
"""What the interval of a difference says, in words."""


def compared_runs(report: Report) -> list[tuple[ModelRun, Drift | None]]:
    """Return each run with its comparison; the reference, which has none, comes first.

    Raises:
        EdgevalError: If the report holds no run.
    """
    if not report.runs:
        raise EdgevalError("the report holds no run; evaluate at least one model")
    reference, *others = report.runs
    by_label = {found.label: found for found in report.drift}
    return [(reference, None), *((run, by_label.get(run.label)) for run in others)]


def primary(report: Report, run: ModelRun) -> Metric:
    """Return a run's accuracy by the protocol's metric.

    Raises:
        EdgevalError: If the run lacks it.
    """
    found = run.metrics.get(report.protocol.metric)
    if found is None:
        raise EdgevalError(
            f"the run of {run.file} has no {report.protocol.metric}, "
            f"the metric of protocol {report.protocol.name}; evaluate it again"
        )
    return found


def reading(found: Drift | None) -> Reading:
    """Return what a paired interval says about a quantized model."""
    if found is None:
        return "not compared"
    interval = found.interval_points
    apart = interval.low > 0 or interval.high < 0
    if interval.low >= -MARGIN_POINTS and interval.high <= MARGIN_POINTS:
        return "small drift" if apart else "equivalent"
    return "drifted" if apart else "undecided"


def items_to_decide(found: Drift) -> int:
    """Estimate how many more items an undecided comparison needs at most, if the flips go on.

    The interval's half-width shrinks at least with the square root of the number of items, until
    the interval either excludes zero or fits into the margin.
    """
    interval = found.interval_points
    half_width = (interval.high - interval.low) / 2
    distance = abs(interval.high + interval.low) / 2
    room = max(distance, MARGIN_POINTS - distance)
    return max(1, math.ceil(found.n_items * ((half_width / room) ** 2 - 1)))


def is_slice(report: Report) -> bool:
    """Return whether fewer items than the split holds were evaluated."""
    return report.data.n_items < report.data.n_total
