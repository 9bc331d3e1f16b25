"""What a saved record says about each run next to the reference."""

from __future__ import annotations

from typing import Literal

from edgeval.records import Drift, Metric, ModelRun, Report
from edgeval.report import formatting as fmt

Reading = Literal["reference", "equivalent", "small drift", "drifted", "undecided", "not compared"]


def compared_runs(report: Report) -> list[tuple[ModelRun, Drift | None]]:
    """Return each run with its comparison; the reference, which has none, comes first."""
    reference, *others = report.runs
    by_label = {found.label: found for found in report.drift}
    return [(reference, None), *((run, by_label.get(run.label)) for run in others)]


def primary(report: Report, run: ModelRun) -> Metric:
    """Return a run's accuracy by the protocol's metric."""
    return run.metrics[report.protocol.metric]


def reading(found: Drift | None) -> Reading:
    """Return what a paired interval for new items says about a quantized model."""
    if found is None:
        return "not compared"
    said = found.stated
    apart = said.interval_points.low > 0 or said.interval_points.high < 0
    return "small drift" if said.status == "equivalent" and apart else said.status


def readings(report: Report) -> dict[Reading, str]:
    """Return what each reading of a report that compares means, in words."""
    within = margin(report)
    return {
        "reference": "what the others are compared with",
        "equivalent": f"the interval lies within {within} of the reference",
        "small drift": f"equivalent within {within}, and the interval excludes zero",
        "drifted": "the interval excludes zero",
        "undecided": "the interval is too wide to tell",
        "not compared": "there is nothing to compare it with",
    }


def margin(report: Report) -> str:
    """Return how close two accuracies are that are called equivalent, for example ``1 point``.

    Args:
        report: A record that compares something.
    """
    return fmt.points(report.drift[0].stated.margin_points)


def is_slice(report: Report) -> bool:
    """Return whether fewer items than the split holds were evaluated."""
    return report.data.n_items < report.data.n_total
