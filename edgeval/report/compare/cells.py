"""Cells of a comparison: what one run is beside the first record's, for tables of any kind."""

from __future__ import annotations

from edgeval.records import DataSource
from edgeval.records.comparison import ComparedRun
from edgeval.report import formatting as fmt
from edgeval.report.compare.matching import is_weighted
from edgeval.report.compare.speeds import is_of_part
from edgeval.report.speeds import EMPTY, MARK

_TIMES = "\N{MULTIPLICATION SIGN}"


def right_items(run: ComparedRun, metric: str) -> str:
    """Return how many items a run has right, and how that agrees with the first record's."""
    measured = run.run.metrics.get(metric)
    if run.standing == "not comparable" or measured is None:
        return "not compared"
    if run.standing == "reference":
        return EMPTY if is_weighted(run.run) else f"{measured.correct:,}"
    pair = run.metrics.get(metric)
    distance = pair.correct - pair.reference_correct if pair else 0
    count = f"{measured.correct:,}" + (f" ({fmt.signed(distance, 0)})" if distance else "")
    standing = "DIFFERS" if run.standing == "differs" else run.standing
    return f"{count} {standing}"


def difference(run: ComparedRun) -> str:
    """Return a difference to the record's own reference, and its outcome."""
    said = run.beside
    if said is None:
        return EMPTY
    split = said.split
    interval = fmt.difference_interval(split.interval_points, split.margin_points)
    shown = "" if split.is_exact else f"{interval} "
    return f"{fmt.signed(said.difference_points, 2)} {shown}{split.outcome}"


def tokens_per_s(run: ComparedRun) -> str:
    """Return a speed, marked where it says less than others, and its ratio to the first's."""
    speed = run.run.speed
    if speed is None or speed.tokens_per_s is None:
        return EMPTY
    ratio = run.speed_ratio
    times = "" if ratio is None else f" ({_TIMES}{fmt.plain(ratio, 2)})"
    is_marked = speed.is_loaded or is_of_part(run.run)
    return fmt.rate(speed.tokens_per_s) + (MARK if is_marked else "") + times


def items_per_s(run: ComparedRun) -> str:
    """Return the items that were scored a second."""
    return EMPTY if run.items_per_s is None else fmt.plain(run.items_per_s, 2)


def items(data: DataSource) -> str:
    """Return which items a record is of, as a phrase."""
    if data.n_items == data.n_total:
        return f"all {data.n_items:,} items of {data.name}"
    return f"a slice: {data.n_items:,} of {data.n_total:,} items of {data.name}"
