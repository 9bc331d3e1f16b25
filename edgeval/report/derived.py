"""What a saved record holds that follows from its numbers: made again when it is read.

A record keeps it for readers without edgeval. One that an older edgeval wrote, or that was edited,
may hold another verdict than its numbers give; no view shows that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from edgeval.clusters import clustered_interval
from edgeval.metrics import metric
from edgeval.paired import (
    adjusted,
    difference_estimate,
    equivalence,
    mcnemar,
    stopped,
    what_it_says,
)
from edgeval.records import (
    ClusteredInterval,
    Drift,
    Evaluation,
    Flip,
    Metric,
    ModelRun,
    Report,
    Stopping,
)
from edgeval.verdict import verdicts

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
        runs = [_settled(_counted(run, record.data.n_total), record) for run in record.runs]
        return record.model_copy(update={"runs": runs})
    return _renewed_report(record)


def _renewed_report(record: Report) -> Report:
    runs = [_counted(run, record.data.n_total) for run in record.runs]
    found = record.model_copy(update={"runs": runs})
    drifts = [_drift(each, found) for each in record.drift]
    by_label = {each.label: each for each in drifts}
    compared = [_estimated(run, by_label.get(run.label), found) for run in runs]
    runs = [run if run.label in by_label else _settled(run, found) for run in compared]
    found = found.model_copy(update={"drift": adjusted(drifts), "runs": runs})
    return found.model_copy(update={"verdicts": verdicts(found)})


def _counted(run: ModelRun, population: int) -> ModelRun:
    """Return a run with the accuracies of its counts; without those that were estimated."""
    design = run.stopping.design if run.stopping else None
    if design == "weighted":
        return run
    found = {
        name: metric(each.correct, each.total, population)
        if design is None
        else each.model_copy(update={"value": each.correct / each.total, "interval": None})
        for name, each in run.metrics.items()
    }
    return run.model_copy(update={"metrics": found})


def _estimated(run: ModelRun, found: Drift | None, record: Report) -> ModelRun:
    """Return a run of which less was counted: its accuracy is the reference's and a difference."""
    if found is None or found.stopping is None:
        return run
    run = run.model_copy(update={"stopping": found.stopping})
    if found.stopping.design != "weighted":
        return run
    name = record.protocol.metric
    estimate = difference_estimate(
        record.runs[0].metrics[name].value, found.difference_points, found.split.interval_points
    )
    update = {"value": estimate.value, "interval": None, "split_interval": estimate.interval}
    metrics = {**run.metrics, name: run.metrics[name].model_copy(update=update)}
    return run.model_copy(update={"metrics": metrics})


def _drift(found: Drift, record: Report) -> Drift:
    """Return a comparison with what its flips or, where it stopped early, its interval say."""
    population = record.data.n_total
    lost = sum(_is_lost(flip) for flip in found.flips)
    gained = len(found.flips) - lost
    update = {
        "reference": record.runs[0].label,
        "right_to_wrong": lost,
        "wrong_to_right": gained,
    }
    found = found.model_copy(update=update)
    if found.stopping is not None:
        interval = found.split.interval_points
        stopping = _decided(found.stopping, found)
        found = stopped(found, stopping, found.difference_points, interval, population)
    else:
        n, p = found.n_items, mcnemar(gained, lost)
        margin = found.split.margin_points
        update = {
            "difference_points": 100 * (gained - lost) / n,
            "new_items": equivalence(gained, lost, n, None, margin),
            "new_items_clustered": _clustered(found, gained, lost),
            "split": equivalence(gained, lost, n, population, margin),
            "mcnemar_p": p,
            "mcnemar_p_holm": p,
        }
        found = found.model_copy(update=update)
    return found.model_copy(update={"split_accuracy": _split_accuracy(found, record)})


def _clustered(found: Drift, gained: int, lost: int) -> ClusteredInterval | None:
    """Return the interval by sources; which items have one in common a record does not hold."""
    by_source = found.new_items_clustered
    if by_source is None:
        return None
    counts = (by_source.n_clusters, by_source.design_effect)
    interval = clustered_interval(gained, lost, found.n_items, *counts)
    return by_source.model_copy(update={"interval_points": interval})


def _decided(stopping: Stopping, found: Drift) -> Stopping:
    """Return when a comparison stopped, decided only if its interval decides it."""
    interval = found.split.interval_points
    said = what_it_says(interval, found.n_items, None, stopping.points + _ROUNDING_POINTS)
    beyond = stopping.points - _ROUNDING_POINTS
    is_beyond = interval.low > beyond or interval.high < -beyond
    return stopping.model_copy(update={"is_decided": said.status == "equivalent" or is_beyond})


def _settled(run: ModelRun, record: Report | Evaluation) -> ModelRun:
    """Return a run that stopped for its own accuracy, decided only if its interval decides it.

    Ends of the interval may be cut at 0 and 1: one that was not decided may look as if it were.
    """
    stopping = run.stopping
    if stopping is None or not stopping.is_decided:
        return run
    interval = run.metrics[record.protocol.metric].split_interval
    low, high = 100 * interval.low, 100 * interval.high
    is_decided = high - low <= 2 * stopping.points + _ROUNDING_POINTS
    for least, most in _region(record):
        inside = least - _ROUNDING_POINTS <= low and high <= most + _ROUNDING_POINTS
        is_decided &= inside or high < least + _ROUNDING_POINTS or low > most - _ROUNDING_POINTS
    update = {"stopping": stopping.model_copy(update={"is_decided": is_decided})}
    return run.model_copy(update=update)


def _region(record: Report | Evaluation) -> list[tuple[float, float]]:
    """Return the range that the reference's accuracy was held to, in points, if there is one.

    See ``against_reference``: the first claim of the metric.
    """
    if isinstance(record, Evaluation) or record.reference is None:
        return []
    found = [each for each in record.claims if each.metric == record.protocol.metric]
    return [
        (each.value - each.tolerance_points, each.value + each.tolerance_points)
        for each in found[:1]
    ]


def _split_accuracy(found: Drift, record: Report) -> object:
    """Return the accuracy on the split, if the reference's is known of it and the other's is not.

    See ``against_reference``.
    """
    known = record.runs[0].metrics[record.protocol.metric]
    is_random = record.data.order != "file"
    if not is_random or not found.n_items < known.total == record.data.n_total:
        return None
    return difference_estimate(known.value, found.difference_points, found.split.interval_points)


def _contradictions(record: Report | Evaluation) -> Iterator[str]:
    """Yield where numbers that all are measured contradict each other: then none can be shown."""
    data, name = record.data, record.protocol.metric
    for run in record.runs:
        for each in run.metrics.values():
            if each.total > data.n_total:
                yield f"{run.label} has {each.total:,} items, and the data {data.n_total:,}"
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
    for label in (found.label for found in record.drift):
        if label not in run_of:
            yield f"{label} is compared, and no run, or several comparisons, have that name"
        run_of = {each: measured for each, measured in run_of.items() if each != label}
    run_of = {run.label: run.metrics[name] for run in record.runs[1:]}
    for found in record.drift:
        if not all(map(_is_flip, found.flips)) or len(found.flips) > found.n_items:
            yield f"{found.label} has flips that are none"
        by_source = None if found.stopping else found.new_items_clustered
        if by_source is not None and not _can_be(by_source, found):
            yield f"{found.label} is compared by sources that its items cannot have"
        if found.stopping is None:
            yield from _of_counts(found, run_of[found.label], record.runs[0].metrics[name])


def _of_counts(found: Drift, measured: Metric, reference: Metric) -> Iterator[str]:
    if found.n_items != measured.total:
        yield f"{found.label} is compared on {found.n_items:,} items, and has {measured.total:,}"
    if measured.total == reference.total:
        flips: Sequence[Flip] = found.flips
        gained = len(flips) - 2 * sum(map(_is_lost, flips))
        if measured.correct - reference.correct != gained:
            yield (
                f"{found.label} has {measured.correct - reference.correct:+,} right items beside "
                f"the reference, and its flips give {gained:+,}"
            )


def _can_be(by_source: ClusteredInterval, found: Drift) -> bool:
    """Return whether items that flipped may be of so many sources, and go together so much."""
    n_items, is_single = found.n_items, by_source.n_clusters >= found.n_items
    return bool(found.flips) and not is_single and by_source.design_effect <= 2 * n_items


def _is_lost(flip: Flip) -> bool:
    return flip.reference_pick == flip.gold


def _is_flip(flip: Flip) -> bool:
    return (flip.reference_pick == flip.gold) != (flip.pick == flip.gold)
