"""What a saved record says about each run next to the reference."""

from __future__ import annotations

from typing import Literal

from edgeval.records import Drift, Estimate, Metric, ModelRun, Outcome, Report
from edgeval.report import formatting as fmt

Reading = Literal[Outcome, "reference", "not compared"]


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
    """Return what is known of a type's difference on the split, in one word."""
    return "not compared" if found is None else found.split.outcome


def readings(report: Report) -> dict[Reading, str]:
    """Return what each reading of a report that compares means, in words."""
    within = margin(report)
    reference = report.runs[0].label
    return {
        "reference": "what the others are compared with",
        "equivalent": f"on the split, its accuracy is within {within} of {reference}'s",
        "worse": f"on the split, its accuracy is more than {within} below {reference}'s",
        "different": f"on the split, its accuracy is not {reference}'s, and neither of these is "
        "shown; above it, it is no worse",
        "open": "none of these is shown",
        "not compared": "there is nothing to compare it with",
    }


def margin(report: Report) -> str:
    """Return how close two accuracies are that are called equivalent, for example ``1 point``.

    Args:
        report: A record that compares something.
    """
    return fmt.points(report.drift[0].split.margin_points)


def is_counted(report: Report) -> bool:
    """Return whether every type was scored on the whole split: then nothing is left to sampling."""
    return all(
        run.metrics[report.protocol.metric].total == report.data.n_total for run in report.runs
    )


def together(report: Report) -> str:
    """Return how sure the intervals of the ladder are, as a clause behind a noun.

    Args:
        report: A record that compares something.
    """
    level = fmt.level(report.drift[0].split.interval_points)
    sampled = [found for found in report.drift if not found.split.is_exact]
    if len(sampled) < 2:
        return f"with {level}"
    if all(found.split.n_compared >= len(sampled) for found in sampled):
        return f"together with {level}"
    return f"each by itself with {level}"
