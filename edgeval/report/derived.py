"""What a saved record holds that follows from its numbers: made again when it is read.

A record keeps it for readers without edgeval. One that an older edgeval wrote, or that was edited,
may hold another verdict than its numbers give; no view shows that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from edgeval.records import ClusteredInterval, Drift, Evaluation, Flip, Metric, ModelRun, Report
from edgeval.stats.mcnemar import mcnemar
from edgeval.stats.metrics import metric
from edgeval.stats.paired import difference_estimate, judged, limit_items, shows, stopped
from edgeval.stats.verdict import verdicts

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


def _renewed_report(record: Report) -> Report:
    runs = [_counted(run, record) for run in record.runs]
    found = record.model_copy(update={"runs": runs})
    drifts = _drifts(found)
    by_label = {each.label: each for each in drifts}
    compared = [_estimated(run, by_label.get(run.label), found) for run in runs]
    runs = [run if run.label in by_label else _settled(run, found) for run in compared]
    found = found.model_copy(update={"drift": drifts, "runs": runs})
    return found.model_copy(update={"verdicts": verdicts(found)})


def _counted(run: ModelRun, record: Report | Evaluation) -> ModelRun:
    """Return a run with the accuracies of its counts; without those that were estimated."""
    design = run.stopping.design if run.stopping else None
    if design == "weighted":
        return run
    population, is_random = record.data.n_total, record.data.order != "file"
    found = {
        name: metric(each.correct, each.total, population, is_random=is_random)
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


def _drifts(record: Report) -> list[Drift]:
    """Return the comparisons with what their flips or, where they stopped early, intervals say."""
    if not record.drift:
        return []
    flips = [_of_flips(each, record) for each in record.drift]
    found = at_margin(
        record.model_copy(update={"drift": flips}), record.drift[0].split.margin_points
    )
    return [_finished(each, record) for each in found]


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
        file_bytes=[sizes.get(each.label, 0) for each in record.drift],
        is_random=record.data.order != "file",
    )


def _of_flips(found: Drift, record: Report) -> Drift:
    """Return a comparison with what its own flips say, without what the others change of it."""
    lost = sum(_is_lost(flip) for flip in found.flips)
    gained = len(found.flips) - lost
    update: dict[str, object] = {
        "reference": record.runs[0].label,
        "right_to_wrong": lost,
        "wrong_to_right": gained,
    }
    if found.stopping is None:
        update["difference_points"] = 100 * (gained - lost) / found.n_items
        update["mcnemar_p"] = mcnemar(gained, lost)
        return found.model_copy(update=update)
    interval = found.split.interval_points
    return stopped(
        found.model_copy(update=update), found.stopping, found.difference_points, interval
    )


def _finished(found: Drift, record: Report) -> Drift:
    """Return a comparison with what follows from its interval."""
    update: dict[str, object] = {"split_accuracy": _split_accuracy(found, record)}
    if found.stopping is not None:
        limit = limit_items(found.stopping.points, record.data.n_total)
        is_decided = shows(found.split, record.data.n_total, limit)
        update["stopping"] = found.stopping.model_copy(update={"is_decided": is_decided})
    return found.model_copy(update=update)


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
