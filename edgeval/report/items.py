"""How many items each number of a record is of, and that in words."""

from __future__ import annotations

from edgeval.records import Evaluation, ModelRun, Report, Stopping
from edgeval.report import formatting as fmt


def items_of(record: Report | Evaluation, run: ModelRun) -> int:
    """Return the number of items that a run was evaluated on."""
    return run.metrics[record.protocol.metric].total


def judged_run(report: Report) -> ModelRun:
    """Return the run that claims are judged by, of a record whose reference did not fail."""
    if report.reference is None:
        raise ValueError("the reference failed")
    return report.reference


def is_slice(record: Report | Evaluation) -> bool:
    """Return whether any run was evaluated on fewer items than the split holds."""
    return any(count < record.data.n_total for count in _counts(record))


def is_sample(record: Report | Evaluation) -> bool:
    """Return whether the items speak for the split: all of them, or some drawn at random."""
    return record.data.order != "file" or not is_slice(record)


def is_uneven(record: Report | Evaluation) -> bool:
    """Return whether runs have different numbers of items."""
    return len({items_of(record, run) for run in record.runs}) > 1


def stopping_of(record: Report | Evaluation) -> Stopping | None:
    """Return how the runs of a record stopped early; None if all items were to be evaluated.

    Each run stopped at its own number of items; the points are those of all.
    """
    return next((run.stopping for run in record.runs if run.stopping is not None), None)


def all_items(count: int) -> str:
    """Return all items of a split in words: ``all 1,000 items``, ``the only item``."""
    return "the only item" if count == 1 else f"all {count:,} items"


def items_in_short(record: Report | Evaluation) -> str:
    """Return which items the numbers are of, for use within a sentence."""
    if not is_slice(record):
        return all_items(record.data.n_total)
    reference, fewest, most = _range(record)
    counts = f"a slice of {fewest:,}" if fewest == most else f"slices of {fewest:,} to {most:,}"
    apart = "" if fewest <= reference <= most else f" ({_of_reference(record, reference)})"
    return f"{counts} of {record.data.n_total:,} items{apart}"


def reference_items(report: Report) -> str:
    """Return which items the reference's numbers are of, for use within a sentence.

    Args:
        report: A record whose reference did not fail.
    """
    count, total = items_of(report, judged_run(report)), report.data.n_total
    return all_items(total) if count == total else f"a slice of {count:,} of {total:,} items"


def until_decided(record: Report | Evaluation, stopping: Stopping) -> str:
    """Return when the runs stopped, for the beginning of a sentence."""
    reference, fewest, most = _range(record)
    counts = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    what = " a type" if isinstance(record, Report) else " a file"
    each = what if len(record.runs) > 1 else ""
    apart = "" if fewest <= reference <= most else f" ({_of_reference(record, reference)})"
    decided = [run.stopping.is_decided for run in record.runs if run.stopping is not None]
    at_last = "" if all(decided) else " or out of items"
    return (
        f"Stopped as soon as decided to ±{fmt.points(stopping.points)}{at_last}, after {counts} of "
        f"{record.data.n_total:,} items{each}{apart}"
    )


def counted_items(record: Report | Evaluation) -> str:
    """Return how many items the numbers are of, and of which data, for a heading."""
    data = record.data
    if not is_slice(record):
        return f"{all_items(data.n_total)} of {data.name}"
    _, fewest, most = _range(record)
    counts = f"a slice: {fewest:,}" if fewest == most else f"slices: {fewest:,} to {most:,}"
    return f"{counts} of {data.n_total:,} items of {data.name}"


def slice_sentence(report: Report) -> str:
    """Return which items the numbers are of, as a phrase that fits behind a colon."""
    data, found = report.data, counted_items(report)
    if not is_slice(report):
        return found
    if data.order == "file":
        return (
            f"{found} (the first in the file's order); they are not a random sample, so only what "
            "is certain is said of the split"
        )
    found += f" (random, seed {data.seed})"
    reference, fewest, most = _range(report)
    if not fewest <= reference <= most:
        found += f", {_of_reference(report, reference)}"
    stopping = stopping_of(report)
    if stopping is not None:
        return f"{found}; each stops when decided to ±{fmt.points(stopping.points)}"
    if reference == data.n_total:
        return found
    interval = report.runs[0].metrics[report.protocol.metric].split_interval
    half_width = fmt.plain(50 * (interval.high - interval.low), 1)
    return f"{found}; the accuracy on the whole split is known to about ±{half_width} points"


def _of_reference(record: Report | Evaluation, count: int) -> str:
    label = record.runs[0].label
    return f"{label} on all" if count == record.data.n_total else f"{label} on {count:,}"


def _range(record: Report | Evaluation) -> tuple[int, int, int]:
    """Return the first run's number of items, and the least and the most of the others.

    In a report the first is the reference, which may have many more; of runs without any, and of
    one alone, the least and the most are those of all.
    """
    counts = _counts(record)
    has_reference = isinstance(record, Report) and record.reference is not None
    others = counts[1:] if has_reference and len(counts) > 1 else counts
    return counts[0], min(others), max(others)


def _counts(record: Report | Evaluation) -> list[int]:
    """Return each run's number of items; that of the data where every file failed."""
    return [items_of(record, run) for run in record.runs] or [record.data.n_items]
