"""Tables of differences: outcomes, flips and changes of log-probabilities, and all metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeval.errors import counted
from edgeval.records import Drift, Flip, Report
from edgeval.records.evidence import GroupCount
from edgeval.report import formatting as fmt
from edgeval.report.items import items_in_short
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import EMPTY


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row.

    Attributes:
        caption: What it holds, and of which items, or a heading.
        header: Name of each column.
        rows: The cells of each row.
        words: Columns that hold words; the others hold numbers.
        hashes: Columns that hold hashes.
        links: Addresses by row and column, of the cells that have one.
    """

    caption: str
    header: list[str]
    rows: list[list[str]]
    words: tuple[int, ...] = (0,)
    hashes: tuple[int, ...] = ()
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)


def difference_table(view: RecordView[Report]) -> Table:
    """Return each type's difference on the split and what is known of it, a row a type.

    Then what is about new items; where the evaluations stopped early there is nothing of that.

    Args:
        view: The view of a record that compares something.
    """
    has_new, has_intervals = view.has_new_items, view.is_slice
    needs_items = any(drift.split.items_for_power for drift in view.drifts)
    header = ["type", "difference", *(["95% split"] if has_intervals else []), "outcome"]
    header += ["at most the margin worse", *(["items for 90% power"] if needs_items else [])]
    words = (0, header.index("outcome"), header.index("outcome") + 1)
    header += ["95% new items", "McNemar p", "Holm p"] if has_new else []
    rows = []
    for drift in view.drifts:
        split, needed = drift.split, drift.split.items_for_power
        row = [drift.label, fmt.signed(drift.difference_points, 2)]
        row += [_split_interval(drift)] if has_intervals else []
        row += [split.outcome, "yes" if split.non_inferior else "not shown"]
        row += [EMPTY if needed is None else f"{fmt.about(needed)}"] if needs_items else []
        rows.append(row + (_of_new_items(drift) if has_new else []))
    return Table(_difference_caption(view), header, rows, words=words)


def _difference_caption(view: RecordView[Report]) -> str:
    """Return what the table of differences holds: the split first, then new items."""
    looks = ", valid at every look" if view.stopping is not None else ""
    split = (
        f"with intervals that hold {view.sureness.clause}{looks}"
        if view.is_slice
        else "counted on all of it"
    )
    new_items, several = "", " for all together" if len(view.drifts) > 1 else ""
    if view.has_new_items:
        new_items = (
            f"; then the interval for new items of the same kind, with 95%{several}, and McNemar's "
            "p, which is about new items too"
        )
    return (
        f"Differences to {view.runs[0].run.label} in points on the split, {split}, and what each "
        f"says beside a margin of {view.margin}{new_items}. On {items_in_short(view)}."
    )


def _split_interval(drift: Drift) -> str:
    if drift.split.is_exact:
        return "exact"
    return fmt.difference_interval(drift.split.interval_points, drift.split.margin_points)


def _of_new_items(drift: Drift) -> list[str]:
    interval, p_values = drift.new_items, (drift.mcnemar_p, drift.mcnemar_p_holm)
    margin = drift.split.margin_points
    return [
        EMPTY if interval is None else fmt.difference_interval(interval, margin),
        *(EMPTY if p is None else fmt.p_value(p) for p in p_values),
    ]


def drift_table(view: RecordView[Report]) -> Table:
    """Return the flips of each group and the changes of the log-probabilities, a row a type.

    Args:
        view: The view of a record that compares something.
    """
    groups = view.record.data.groups
    # Runs of different numbers of items have others of each group, which the record does not hold.
    header = [
        "type",
        *(name if view.is_uneven else f"{name} ({n:,} items)" for name, n in groups.items()),
        "mean Δ logprob",
        "mean |Δ|",
        "RMS Δ",
        "p99 |Δ|",
        "mean Δ lead",
    ]
    rows = []
    for drift in view.drifts:
        counts = Counter((flip.group, _is_lost(flip)) for flip in drift.flips)
        rows.append(
            [
                drift.label,
                *(f"{counts[g, True]:,} lost / {counts[g, False]:,} gained" for g in groups),
                fmt.signed(drift.mean_logprob_change, 4),
                fmt.plain(drift.mean_abs_logprob_change, 3),
                fmt.plain(drift.rms_logprob_change, 3),
                fmt.plain(drift.p99_abs_logprob_change, 3),
                fmt.signed(drift.mean_margin_shift, 4),
            ]
        )
    no_sample = " They were drawn by what they can tell, and are no sample."
    caption = (
        f"Items whose correctness differs from {view.runs[0].run.label}, by group, and changes of "
        f"the choices' log-probabilities in nats, on {items_in_short(view)}."
        f"{no_sample if view.is_weighted else ''}"
    )
    return Table(caption, header, rows)


def flip_tables(view: RecordView[Report], n_shown: int) -> list[Table]:
    """Return the first flipped items of each type that has any.

    Args:
        view: The view of the record, which holds all of them.
        n_shown: How many of each type.
    """
    return [_flip_table(drift, n_shown) for drift in view.drifts if drift.flips]


def _flip_table(drift: Drift, n_shown: int) -> Table:
    shown = drift.flips[:n_shown]
    part = "" if len(shown) == len(drift.flips) else f", the first {len(shown)}"
    header = ["item", "group", "gold", f"{drift.reference} picks", f"{drift.label} picks", "change"]
    rows = [
        [
            flip.item,
            flip.group,
            str(flip.gold),
            str(flip.reference_pick),
            str(flip.pick),
            "lost" if _is_lost(flip) else "gained",
        ]
        for flip in shown
    ]
    caption = f"{drift.label}: {counted(len(drift.flips), 'flipped item')}{part}"
    return Table(caption, header, rows, words=(0, 1, 5))


def _is_lost(flip: Flip) -> bool:
    return flip.reference_pick == flip.gold


def metrics_table(view: RecordView[Report]) -> Table:
    """Return every metric in percent, a row a type."""
    runs, has_items = view.runs, view.is_uneven
    names = list(dict.fromkeys(name for run in runs for name in run.run.metrics))
    rows = [
        [
            run.run.label,
            *([f"{run.n_items:,}"] if has_items else []),
            *(
                fmt.accuracy(run.run.metrics[name].value) if name in run.run.metrics else EMPTY
                for name in names
            ),
        ]
        for run in runs
    ]
    header = ["type", *(["items"] if has_items else []), *names]
    return Table(_metrics_caption(view), header, rows)


def _metrics_caption(view: RecordView[Report]) -> str:
    items = items_in_short(view)
    if not (view.is_slice and view.drifts and view.drifts[0].split_accuracy):
        return f"All metrics in percent, from the same pass over {items}."
    if view.stopping is not None:
        return f"All metrics that the items evaluated can tell, in percent, on {items}."
    return f"All metrics in percent, as counted on {items}."


def group_tables(view: RecordView[Report]) -> list[Table]:
    """Return a table of the groups for each type; none where groups are not known, or one is."""
    evidence = view.record.evidence
    header = ["group", "items", f"{view.runs[0].run.label} right", "right", "lost", "gained"]
    return [
        Table(
            f"{each.label}: items right, lost and gained by group, on {items_in_short(view)}"
            f"{_left_out(each.n_more)}",
            header,
            [[group.group, *map("{:,}".format, _counts_of(group))] for group in each.groups],
        )
        for each in (evidence.groups if evidence else ())
        if len(each.groups) > 1
    ]


def _left_out(count: int) -> str:
    return f"; {counted(count, 'smaller group')} left out" if count else ""


def _counts_of(group: GroupCount) -> tuple[int, ...]:
    return group.n_items, group.reference_right, group.right, group.lost, group.gained
