"""The tables behind the ladder: differences, flips, distributions, all metrics and the files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgeval.records import Drift, Flip, Report, Speed
from edgeval.report import formatting as fmt
from edgeval.report.comparison import compared_runs, is_counted, reading
from edgeval.report.items import is_uneven, items_of
from edgeval.report.selfchecks import FAILED, NOT_CHECKED, gpu_runs, shift_of
from edgeval.report.speeds import EMPTY


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row.

    Attributes:
        header: Name of each column.
        rows: The cells of each row.
        words: Columns that hold words; the others hold numbers.
        hashes: Columns that hold hashes.
    """

    header: list[str]
    rows: list[list[str]]
    words: tuple[int, ...] = (0,)
    hashes: tuple[int, ...] = ()


@dataclass(frozen=True)
class FlipTable:
    """The flipped items of one type, as far as they are shown."""

    summary: str
    table: Table


def difference_table(report: Report) -> Table:
    """Return each type's difference on the split and what is known of it, a row a type.

    Then what is about new items; where the evaluations stopped early there is nothing of that.
    """
    drifts = _drifts(report)
    has_new, has_intervals = any(found.new_items for found in drifts), not is_counted(report)
    needs_items = any(found.split.items_for_power for found in drifts)
    header = ["type", "difference", *(["95% split"] if has_intervals else []), "outcome"]
    header += ["at most the margin worse", *(["items for 90% power"] if needs_items else [])]
    words = (0, header.index("outcome"), header.index("outcome") + 1)
    header += ["95% new items", "McNemar p", "Holm p"] if has_new else []
    rows = []
    for found in drifts:
        split, needed = found.split, found.split.items_for_power
        row = [found.label, fmt.signed(found.difference_points, 2)]
        row += [_split_interval(found)] if has_intervals else []
        row += [reading(found), "yes" if split.non_inferior else "not shown"]
        row += [EMPTY if needed is None else f"{fmt.about(needed)}"] if needs_items else []
        rows.append(row + (_of_new_items(found) if has_new else []))
    return Table(header, rows, words=words)


def _split_interval(found: Drift) -> str:
    if found.split.is_exact:
        return "exact"
    return fmt.difference_interval(found.split.interval_points, found.split.margin_points)


def _of_new_items(found: Drift) -> list[str]:
    new, p_values = found.new_items, (found.mcnemar_p, found.mcnemar_p_holm)
    return [
        EMPTY if new is None else fmt.difference_interval(new, found.split.margin_points),
        *(EMPTY if p is None else fmt.p_value(p) for p in p_values),
    ]


def stopping_table(report: Report) -> Table | None:
    """Return when and why each run stopped early, a row a type; None where none did."""
    rows = []
    for run in report.runs:
        found = run.stopping
        if found is None:
            continue
        rows.append(
            [
                run.label,
                f"{found.n_items:,}",
                "by what they can tell" if found.design == "weighted" else found.design,
                "yes" if found.is_decided else "no",
            ]
        )
    header = ["type", "items", "drawn", "decided"]
    return Table(header, rows, words=(0, 2, 3)) if rows else None


def self_check_table(report: Report) -> Table | None:
    """Return how close each GPU run came to the CPU, a row a type; None where none was checked."""
    runs = gpu_runs(report.runs)
    rows = []
    for name, run in runs:
        found = run.self_check
        if found is None:
            rows.append([name, NOT_CHECKED, *[EMPTY] * 7])
            continue
        rows.append(
            [
                name,
                "passed" if found.has_passed else FAILED,
                fmt.nats(found.token_change),
                f"{found.bar:.2g}",
                EMPTY if found.own_change is None else fmt.nats(found.own_change),
                shift_of(found) or EMPTY,
                fmt.nats(found.mean_logprob_change),
                fmt.nats(found.max_logprob_change),
                f"{found.n_same_picks:,} of {found.n_items:,}",
            ]
        )
    header = ["type", "self-check", "nats a token", "allowed", "by quantization", "shift, points"]
    header += ["mean |Δ logprob|", "largest |Δ|", "same picks"]
    is_checked = any(run.self_check for _, run in runs)
    return Table(header, rows, words=(0, 1)) if is_checked else None


def drift_table(report: Report) -> Table:
    """Return the flips of each group and the changes of the log-probabilities, a row a type."""
    groups = report.data.groups
    # Runs of different numbers of items have others of each group, which the record does not hold.
    header = [
        "type",
        *(name if is_uneven(report) else f"{name} ({n:,} items)" for name, n in groups.items()),
        "mean Δ logprob",
        "mean |Δ|",
        "RMS Δ",
        "p99 |Δ|",
        "mean Δ lead",
    ]
    rows = []
    for found in _drifts(report):
        counts = Counter((flip.group, _is_lost(flip)) for flip in found.flips)
        rows.append(
            [
                found.label,
                *(f"{counts[g, True]:,} lost / {counts[g, False]:,} gained" for g in groups),
                fmt.signed(found.mean_logprob_change, 4),
                fmt.plain(found.mean_abs_logprob_change, 3),
                fmt.plain(found.rms_logprob_change, 3),
                fmt.plain(found.p99_abs_logprob_change, 3),
                fmt.signed(found.mean_margin_shift, 4),
            ]
        )
    return Table(header, rows)


def flip_tables(report: Report, shown: int) -> list[FlipTable]:
    """Return the first flipped items of each type that has any.

    Args:
        report: The record, which holds all of them.
        shown: How many of each type.
    """
    return [_flip_table(found, shown) for found in _drifts(report) if found.flips]


def metrics_table(report: Report) -> Table:
    """Return every metric in percent, a row a type."""
    has_items = is_uneven(report)
    names = list(dict.fromkeys(name for run in report.runs for name in run.metrics))
    rows = [
        [
            run.label,
            *([f"{items_of(report, run):,}"] if has_items else []),
            *(
                fmt.accuracy(run.metrics[name].value) if name in run.metrics else EMPTY
                for name in names
            ),
        ]
        for run in report.runs
    ]
    return Table(["type", *(["items"] if has_items else []), *names], rows)


def files_table(report: Report) -> Table:
    """Return how each file was run, a row a type."""
    header = [
        "type",
        "file",
        "bytes",
        "tokens decoded",
        "logit rows",
        "batch / ubatch",
        "attention",
        "loading",
        "scoring",
        "SHA-256",
    ]
    rows = [
        [
            run.label,
            run.file,
            f"{run.file_bytes:,}",
            f"{run.tokens_decoded:,}",
            f"{run.logit_rows:,}",
            f"{run.batch_tokens:,} / {run.n_ubatch:,}",
            f"{'flash' if run.flash_attention else 'plain'}, {run.cache_type} cache",
            *_seconds(run.speed),
            run.sha256,
        ]
        for run in report.runs
    ]
    return Table(header, rows, words=(0, 1, 6, 9), hashes=(9,))


def _seconds(speed: Speed | None) -> tuple[str, str]:
    """Return how long loading and scoring took in the record's command."""
    if speed is None:
        return EMPTY, EMPTY
    loading = EMPTY if speed.load_s is None else fmt.duration(speed.load_s)
    return loading, fmt.duration(speed.elapsed_s)


def _drifts(report: Report) -> list[Drift]:
    return [found for _, found in compared_runs(report) if found is not None]


def _is_lost(flip: Flip) -> bool:
    return flip.reference_pick == flip.gold


def _flip_table(found: Drift, most: int) -> FlipTable:
    shown = found.flips[:most]
    total = f"{len(found.flips):,} flipped item{'s' if len(found.flips) > 1 else ''}"
    part = "" if len(shown) == len(found.flips) else f", the first {len(shown)}"
    header = ["item", "group", "gold", f"{found.reference} picks", f"{found.label} picks", "change"]
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
    return FlipTable(f"{found.label}: {total}{part}", Table(header, rows, words=(0, 1, 5)))
