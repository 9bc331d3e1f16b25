"""What a saved record says about each run next to the reference."""

from __future__ import annotations

from typing import Literal

from edgeval.records import Drift, Estimate, Metric, ModelRun, Outcome, Report
from edgeval.report import formatting as fmt
from edgeval.report.items import is_sample

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
    """Return what each reading of a report that compares something means, in words."""
    within = margin(report)
    reference = report.runs[0].label
    found: dict[Reading, str] = {
        "reference": "what the others are compared with",
        "equivalent": f"on the split, its accuracy is no further than {within} from {reference}'s",
        "worse": f"on the split, its accuracy is more than {within} below {reference}'s",
        "different": f"on the split, its accuracy is not {reference}'s; that it is within {within} "
        f"of it, or more than {within} below it, is not shown",
        "open": "it is not shown to be equivalent, worse or different",
        "not compared": "there is nothing to compare it with",
    }
    if is_counted(report):
        found["different"] = f"on the split, its accuracy is more than {within} above {reference}'s"
    shown = {reading(drift) for run, drift in compared_runs(report)[1:]} | {"reference"}
    return {name: meaning for name, meaning in found.items() if name in shown}


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


def is_estimated(report: Report) -> bool:
    """Return whether accuracies are the reference's on the whole split plus a difference."""
    return any(found.split_accuracy for found in report.drift)


def sampled(report: Report) -> list[Drift]:
    """Return the comparisons of which an interval, not the difference, is known for the split."""
    return [found for found in report.drift if not found.split.is_exact]


def are_together(report: Report) -> bool:
    """Return whether the intervals of a ladder hold all at once with their level.

    In records of an older edgeval each that stopped early holds by itself.
    """
    found = sampled(report)
    return all(each.split.n_compared >= len(found) for each in found)


def sureness(report: Report) -> str:
    """Return how sure the intervals of a ladder are, in short: ``95% together``.

    Args:
        report: A record that compares something.
    """
    if not is_sample(report):
        return "certain"
    level = fmt.level(report.drift[0].split.interval_points)
    if len(sampled(report)) < 2:
        return level
    return f"{level} {'together' if are_together(report) else 'each'}"


def together(report: Report) -> str:
    """Return how sure the intervals of a ladder are, as a clause behind a verb.

    Args:
        report: A record that compares something.
    """
    if not is_sample(report):
        return "for certain, whatever the other items are"
    level = fmt.level(report.drift[0].split.interval_points)
    if len(sampled(report)) < 2:
        return f"with {level}"
    return f"{'together' if are_together(report) else 'by itself'} with {level}"
