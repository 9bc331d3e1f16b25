"""What a saved record says about each run next to the reference."""

from __future__ import annotations

from typing import Literal

from edgeval.records import Drift, Estimate, Metric, ModelRun, Report
from edgeval.report import formatting as fmt
from edgeval.report.items import stopping_of

Reading = Literal["reference", "equivalent", "small drift", "drifted", "undecided", "not compared"]


def compared_runs(report: Report) -> list[tuple[ModelRun, Drift | None]]:
    """Return each run with its comparison.

    The reference, which has none, comes first; where it failed, no run has any.
    """
    first, *others = report.runs
    by_label = {found.label: found for found in report.drift}
    return [(first, None), *((run, by_label.get(run.label)) for run in others)]


def primary(report: Report, run: ModelRun) -> Metric:
    """Return a run's accuracy by the protocol's metric."""
    return run.metrics[report.protocol.metric]


def is_of_split(report: Report) -> bool:
    """Return whether the accuracies and intervals of the ladder are for the split alone.

    They are where evaluations stopped early, and where the reference is known of every item and a
    type of some.
    """
    return stopping_of(report) is not None or any(found.split_accuracy for found in report.drift)


def split_estimate(measured: Metric, found: Drift | None) -> Estimate:
    """Return what is known of a run's accuracy on the split.

    Args:
        measured: Its primary metric.
        found: Its comparison with the reference, if there is one.
    """
    if found is not None and found.split_accuracy is not None:
        return found.split_accuracy
    return Estimate(value=measured.value, interval=measured.split_interval)


def reading(found: Drift | None) -> Reading:
    """Return what the stated interval of a difference says about a quantized model.

    An evaluation that was to go on until it is decided, and ended before, reads ``undecided``.
    """
    if found is None:
        return "not compared"
    if found.stopping is not None and not found.stopping.is_decided:
        return "undecided"
    said = found.stated
    apart = said.interval_points.low > 0 or said.interval_points.high < 0
    return "small drift" if said.status == "equivalent" and apart else said.status


def readings(report: Report) -> dict[Reading, str]:
    """Return what each reading of a report that compares means, in words."""
    within = margin(report)
    is_stopped = stopping_of(report) is not None
    return {
        "reference": "what the others are compared with",
        "equivalent": f"the interval lies within {within} of the reference",
        "small drift": f"equivalent within {within}, and the interval excludes zero",
        "drifted": f"the interval lies beyond {within}"
        if is_stopped
        else "the interval excludes zero",
        "undecided": "the items ran out before it was decided"
        if is_stopped
        else "the interval is too wide to tell",
        "not compared": "there is nothing to compare it with",
    }


def margin(report: Report) -> str:
    """Return how close two accuracies are that are called equivalent, for example ``1 point``.

    Args:
        report: A record that compares something.
    """
    return fmt.points(report.drift[0].stated.margin_points)
