"""Items in words: how many of them the numbers of a record are of, and how they were drawn."""

from __future__ import annotations

from edgeval.errors import plural
from edgeval.records import Evaluation, Report
from edgeval.report import formatting as fmt
from edgeval.report.record_view import RecordView


def all_items(count: int) -> str:
    """Return all items of a split in words: ``all 1,000 items``, ``the only item``."""
    return plural(count, "the only item", f"all {count:,} items")


def chance_in_short(record: Report | Evaluation) -> str:
    """Return the accuracy of who picks blindly, as ``chance 25.00``; empty where it is unknown."""
    chance = record.data.chance
    return "" if chance is None else f"chance {fmt.accuracy(chance)}"


def items_in_short(view: RecordView[Report | Evaluation]) -> str:
    """Return which items the numbers are of, for use within a sentence."""
    n_total = view.record.data.n_total
    if not view.is_slice:
        return all_items(n_total)
    return f"{_slices(view, ' of')} of {n_total:,} items{_apart(view)}"


def reference_items(view: RecordView[Report]) -> str:
    """Return which items the reference's numbers are of, for use within a sentence.

    Args:
        view: The view of a record whose reference did not fail.
    """
    count, total = view.judged_run.n_items, view.record.data.n_total
    return all_items(total) if count == total else f"a slice of {count:,} of {total:,} items"


def until_decided(view: RecordView[Report | Evaluation]) -> str:
    """Return when the runs stopped, for the beginning of a sentence; empty if none stopped."""
    record, stopping = view.record, view.stopping
    if stopping is None:
        return ""
    kind = "type" if isinstance(record, Report) else "file"
    a_run = f" a {kind}" if len(view.runs) > 1 else ""
    decided = [run.stopping.is_decided for run in record.runs if run.stopping is not None]
    at_last = "" if all(decided) else " or out of items"
    return (
        f"Stopped as soon as decided to ±{fmt.points(stopping.points)}{at_last}, after "
        f"{_counts(view)} of {record.data.n_total:,} items{a_run}{_apart(view)}"
    )


def counted_items(view: RecordView[Report | Evaluation]) -> str:
    """Return how many items the numbers are of, and of which data, for a heading."""
    data = view.record.data
    if not view.is_slice:
        return f"{all_items(data.n_total)} of {data.name}"
    return f"{_slices(view, ':')} of {data.n_total:,} items of {data.name}"


def slice_sentence(view: RecordView[Report]) -> str:
    """Return which items the numbers are of, as a phrase that fits behind a colon."""
    data, items = view.record.data, counted_items(view)
    if not view.is_slice:
        return items
    if data.order == "file":
        return (
            f"{items} (the first in the file's order); they are not a random sample, so only what "
            "is certain is said of the split"
        )
    items += f" (random, seed {data.seed})"
    if reference := _reference_apart(view):
        items += f", {reference}"
    if view.stopping is not None:
        return f"{items}; each stops when decided to ±{fmt.points(view.stopping.points)}"
    first = view.runs[0]
    if first.n_items == data.n_total:
        return items
    interval = first.accuracy.split_interval
    half_width = fmt.plain(50 * (interval.high - interval.low), 1)
    return f"{items}; the accuracy on the whole split is known to about ±{half_width} points"


def _slices(view: RecordView[Report | Evaluation], before: str) -> str:
    kind = "a slice" if view.fewest_items == view.most_items else "slices"
    return f"{kind}{before} {_counts(view)}"


def _counts(view: RecordView[Report | Evaluation]) -> str:
    fewest, most = view.fewest_items, view.most_items
    return f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"


def _apart(view: RecordView[Report | Evaluation]) -> str:
    reference = _reference_apart(view)
    return f" ({reference})" if reference else ""


def _reference_apart(view: RecordView[Report | Evaluation]) -> str:
    """Return how many items the reference has, if that is beyond what the others have."""
    first = view.runs[0]
    if view.fewest_items <= first.n_items <= view.most_items:
        return ""
    is_whole = first.n_items == view.record.data.n_total
    return f"{first.run.label} on {'all' if is_whole else f'{first.n_items:,}'}"
