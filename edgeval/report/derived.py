"""Derived numbers: what of a saved record follows from the others, made again when it is read.

A record keeps it for readers without edgeval. One that an older edgeval wrote, or that was edited,
may hold another verdict than its numbers give; no view shows that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from edgeval.records import (
    ClusteredInterval,
    Drift,
    Evaluation,
    Flip,
    Metric,
    ModelRun,
    Report,
    Suite,
)
from edgeval.report.evidence import contradictions
from edgeval.stats.average_verdict import average_claims, average_verdicts
from edgeval.stats.mcnemar import mcnemar
from edgeval.stats.metrics import metric
from edgeval.stats.paired import difference_estimate, judged, limit_items, shows, stopped
from edgeval.stats.pooled import averages, together
from edgeval.stats.verdict import at_margin as verdict_at_margin
from edgeval.stats.verdict import claim_at, verdicts

_Kind = TypeVar("_Kind", Report, Evaluation)

_ROUNDING_POINTS = 1e-9


def renewed(record: _Kind) -> _Kind:
    """Return a record with everything that follows from its numbers made of them.

    Those are the counts of right items, the flips, the intervals of what stopped early, the claims,
    and what was averaged over scores, which a record does not hold.

    Raises:
        ValueError: If the numbers contradict each other.
    """
    for problem in _contradictions(record):
        raise ValueError(problem)
    if isinstance(record, Evaluation):
        runs = [_settled(_counted(run, record), record) for run in record.runs]
        return record.model_copy(update={"runs": runs})
    return _renewed_report(record)


def judged_at(record: Report | Suite, points: float) -> Report | Suite:
    """Return a record that is judged by one tolerance instead of those of its claims.

    Args:
        record: The record, of one task or of several.
        points: The tolerance, in points.

    Raises:
        EdgevalError: If no number of points can be that far from another.
    """
    if isinstance(record, Report):
        return verdict_at_margin(record, points)
    reports = [verdict_at_margin(report, points) for report in record.reports]
    of_others = [_others_at(report, points) for report in reports]
    return renewed_suite(record.model_copy(update={"reports": of_others}))


def _others_at(report: Report, points: float) -> Report:
    """Return a report whose numbers of other tasks, of which averages are, have a tolerance too."""
    others = [claim_at(claim, points) for claim in report.other_claims]
    return report.model_copy(update={"other_claims": others})


def renewed_suite(record: Suite) -> Suite:
    """Return a record of several tasks with everything that follows from their numbers.

    Raises:
        ValueError: If the numbers of one contradict each other.
    """
    reports, pooled = together([renewed(report) for report in record.reports])
    means = averages(reports)
    published = [claim for each in reports for claim in (*each.claims, *each.other_claims)]
    claims = average_claims(list(dict.fromkeys(published)), record.tasks)
    return record.model_copy(
        update={
            "reports": reports,
            "pooled": pooled,
            "averages": means,
            "average_claims": claims,
            "average_verdicts": average_verdicts(claims, reports, means),
        }
    )


def _renewed_report(record: Report) -> Report:
    runs = [_counted(run, record) for run in record.runs]
    record = record.model_copy(update={"runs": runs})
    drifts = _drifts(record)
    by_label = {drift.label: drift for drift in drifts}
    compared = [_estimated(run, by_label.get(run.label), record) for run in runs]
    runs = [run if run.label in by_label else _settled(run, record) for run in compared]
    record = record.model_copy(update={"drift": drifts, "runs": runs})
    return record.model_copy(update={"verdicts": verdicts(record)})


def _counted(run: ModelRun, record: Report | Evaluation) -> ModelRun:
    """Return a run with the accuracies of its counts; without those that were estimated."""
    design = run.stopping.design if run.stopping else None
    if design == "weighted":
        return run
    population, is_random = record.data.n_total, record.data.order != "file"
    metrics = {
        name: metric(measured.correct, measured.total, population, is_random=is_random)
        if design is None
        else measured.model_copy(
            update={"value": measured.correct / measured.total, "interval": None}
        )
        for name, measured in run.metrics.items()
    }
    return run.model_copy(update={"metrics": metrics})


def _estimated(run: ModelRun, drift: Drift | None, record: Report) -> ModelRun:
    """Return a run of which less was counted: its accuracy is the reference's and a difference."""
    if drift is None or drift.stopping is None:
        return run
    run = run.model_copy(update={"stopping": drift.stopping})
    if drift.stopping.design != "weighted":
        return run
    name = record.protocol.metric
    estimate = difference_estimate(
        record.runs[0].metrics[name].value, drift.difference_points, drift.split.interval_points
    )
    update = {"value": estimate.value, "interval": None, "split_interval": estimate.interval}
    metrics = {**run.metrics, name: run.metrics[name].model_copy(update=update)}
    return run.model_copy(update={"metrics": metrics})


def _drifts(record: Report) -> list[Drift]:
    """Return the comparisons with what their flips or, where they stopped early, intervals say."""
    if not record.drift:
        return []
    flips = [_of_flips(drift, record) for drift in record.drift]
    judged_drifts = at_margin(
        record.model_copy(update={"drift": flips}), record.drift[0].split.margin_points
    )
    return [_finished(drift, record) for drift in judged_drifts]


def at_margin(record: Report, margin_points: float) -> list[Drift]:
    """Return the comparisons of a record with what they show together at a margin.

    Args:
        record: The record; its comparisons have the counts of their flips.
        margin_points: Two accuracies this close are called equivalent.
    """
    sizes = {run.label: run.file_bytes for run in record.runs}
    # One whose run is not in the record, which no file may be, is tested last.
    return judged(
        record.drift,
        record.data.n_total,
        margin_points,
        file_bytes=[sizes.get(drift.label, 0) for drift in record.drift],
        is_random=record.data.order != "file",
        n_together=record.n_together,
    )


def _of_flips(drift: Drift, record: Report) -> Drift:
    """Return a comparison with what its own flips say, without what the others change of it."""
    lost = sum(_is_lost(flip) for flip in drift.flips)
    gained = len(drift.flips) - lost
    update: dict[str, object] = {
        "reference": record.runs[0].label,
        "right_to_wrong": lost,
        "wrong_to_right": gained,
    }
    if drift.stopping is None:
        update["difference_points"] = 100 * (gained - lost) / drift.n_items
        update["mcnemar_p"] = mcnemar(gained, lost)
        return drift.model_copy(update=update)
    interval = drift.split.interval_points
    return stopped(
        drift.model_copy(update=update), drift.stopping, drift.difference_points, interval
    )


def _finished(drift: Drift, record: Report) -> Drift:
    """Return a comparison with what follows from its interval."""
    update: dict[str, object] = {"split_accuracy": _split_accuracy(drift, record)}
    if drift.stopping is not None:
        limit = limit_items(drift.stopping.points, record.data.n_total)
        is_decided = shows(drift.split, record.data.n_total, limit)
        update["stopping"] = drift.stopping.model_copy(update={"is_decided": is_decided})
    return drift.model_copy(update=update)


def _settled(run: ModelRun, record: Report | Evaluation) -> ModelRun:
    """Return a run that stopped for its own accuracy, decided only if its interval decides it.

    Ends of the interval may be cut at 0 and 1: one that was not decided may look as if it were.
    """
    stopping = run.stopping
    if stopping is None or not stopping.is_decided:
        return run
    interval = run.metrics[record.protocol.metric].split_interval
    is_decided = 100 * (interval.high - interval.low) <= 2 * stopping.points + _ROUNDING_POINTS
    update = {"stopping": stopping.model_copy(update={"is_decided": is_decided})}
    return run.model_copy(update=update)


def _split_accuracy(drift: Drift, record: Report) -> object:
    """Return the accuracy on the split, if the reference's is known of it and the other's is not.

    See ``against_reference``.
    """
    known = record.runs[0].metrics[record.protocol.metric]
    is_random = record.data.order != "file"
    if not is_random or not drift.n_items < known.total == record.data.n_total:
        return None
    return difference_estimate(known.value, drift.difference_points, drift.split.interval_points)


def _contradictions(record: Report | Evaluation) -> Iterator[str]:
    """Yield where numbers that all are measured contradict each other: then none can be shown."""
    data, name = record.data, record.protocol.metric
    for run in record.runs:
        for measured in run.metrics.values():
            if measured.total > data.n_total:
                yield f"{run.label} has {measured.total:,} items, and the data {data.n_total:,}"
    counts = [run.metrics[name].total for run in record.runs if name in run.metrics]
    if isinstance(record, Report) and record.reference is not None:
        counts = counts[:1]
    if counts and data.n_items != max(counts):
        yield f"{data.n_items:,} items were evaluated, and those that count have {max(counts):,}"
    if sum(data.groups.values()) != data.n_items:
        yield f"the groups have {sum(data.groups.values()):,} items, and all {data.n_items:,}"
    yield from _of_speeds(record)
    if isinstance(record, Report):
        yield from _of_drift(record)
        yield from contradictions(record)


def _of_speeds(record: Report | Evaluation) -> Iterator[str]:
    """Yield which runs have a speed that was not measured in the record's own command."""
    here = (record.device.cpu, record.engine.threads)
    for run in record.runs:
        if run.speed is None:
            continue
        there = (run.speed.device.cpu, run.speed.threads)
        if run.from_reference is not None or there != here:
            yield f"the speed of {run.label} is of another machine, or of other threads"


def _of_drift(record: Report) -> Iterator[str]:
    name = record.protocol.metric
    run_of = {run.label: run.metrics[name] for run in record.runs[1:]}
    for label in (drift.label for drift in record.drift):
        if label not in run_of:
            yield f"{label} is compared, and no run, or several comparisons, have that name"
        run_of = {other: measured for other, measured in run_of.items() if other != label}
    run_of = {run.label: run.metrics[name] for run in record.runs[1:]}
    for drift in record.drift:
        if not all(map(_is_flip, drift.flips)) or len(drift.flips) > drift.n_items:
            yield f"{drift.label} has flips that are none"
        by_source = None if drift.stopping else drift.new_items_clustered
        if by_source is not None and not _can_be(by_source, drift):
            yield f"{drift.label} is compared by sources that its items cannot have"
        if drift.stopping is None:
            yield from _of_counts(drift, run_of[drift.label], record.runs[0].metrics[name])


def _of_counts(drift: Drift, measured: Metric, reference: Metric) -> Iterator[str]:
    if drift.n_items != measured.total:
        yield f"{drift.label} is compared on {drift.n_items:,} items, and has {measured.total:,}"
    if measured.total == reference.total:
        flips: Sequence[Flip] = drift.flips
        gained = len(flips) - 2 * sum(map(_is_lost, flips))
        if measured.correct - reference.correct != gained:
            yield (
                f"{drift.label} has {measured.correct - reference.correct:+,} right items beside "
                f"the reference, and its flips give {gained:+,}"
            )


def _can_be(by_source: ClusteredInterval, drift: Drift) -> bool:
    """Return whether items that flipped may be of so many sources, and go together so much."""
    n_items, is_single = drift.n_items, by_source.n_clusters >= drift.n_items
    return bool(drift.flips) and not is_single and by_source.design_effect <= 2 * n_items


def _is_lost(flip: Flip) -> bool:
    return flip.reference_pick == flip.gold


def _is_flip(flip: Flip) -> bool:
    return (flip.reference_pick == flip.gold) != (flip.pick == flip.gold)
