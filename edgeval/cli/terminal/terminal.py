"""Results on stdout, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval.cli.terminal.comparison import LOUD
from edgeval.cli.terminal.comparison import table as comparison_table
from edgeval.cli.terminal.inspection import tables
from edgeval.cli.terminal.report import evaluation_table, ladder_table
from edgeval.cli.terminal.runs import repair_lines, run_tables, runs_table
from edgeval.gguf.remarks import remarks
from edgeval.gguf.type_sizes import BITS_PER_WEIGHT, NEEDS_IMATRIX
from edgeval.records import DataSource, Evaluation, Record, Report, Verdict
from edgeval.records.cache import CacheContents, Pruned
from edgeval.records.comparison import Comparison
from edgeval.records.inspection import Inspection
from edgeval.records.runs import Repair, Run, RunDetails
from edgeval.report import conclusion, machines, reasoning, speeds, verdicts
from edgeval.report.compare.sentences import alarms, sentences
from edgeval.report.failures import failure_sentences, reference_failed
from edgeval.report.formatting import points, size
from edgeval.report.items import until_decided
from edgeval.report.machines import plain_kernels, where
from edgeval.report.record_view import RecordView
from edgeval.system.console import Console, Frame, Lines, Table, stderr_console, stdout_console

_TYPE_COLUMNS = 4


def print_report(report: Report) -> None:
    """Print the ladder, what it means and the verdicts."""
    console, view = stdout_console(), RecordView.of(report)
    wraps = not console.is_terminal  # A file gets a line a paragraph, a screen whole words.
    console.print(ladder_table(view))
    _print_failures(report, console)
    _print_remarks(report, console)
    if sentence := conclusion.interval_sentence(view):
        console.print(sentence, soft_wrap=wraps)
    style = LOUD if report.reference is None else None
    console.print(conclusion.conclusion(view), style=style, soft_wrap=wraps)
    for sentence in verdicts.verdict_sentences(view):
        console.print(sentence, soft_wrap=wraps)
    _print_computed(view, console)
    _print_corrections(report, console)


def print_files(folder: Path) -> None:
    """Print where the report was written."""
    names = ("report.html", "report.md", "report.json", "verdict.json")
    present = [name for name in names if (folder / name).is_file()]
    stdout_console().print(f"{folder}: {', '.join(present)}", soft_wrap=True)


def print_verdicts(report: Report, judged: Sequence[Verdict], margin: float | None = None) -> None:
    """Print what a record says about each published number, and why.

    Args:
        report: The record.
        judged: Its verdicts, in the order of its claims; none if its reference failed.
        margin: The tolerance in points that was asked for instead of the claims' own.
    """
    console, view = stdout_console(), RecordView.of(report)
    wraps = not console.is_terminal
    if failed := reference_failed(report):
        _print_unjudged(report, failed, console)
    for claim, verdict in zip([] if failed else report.claims, judged, strict=True):
        heading = f"{verdicts.STATUS_LABELS[verdict.status]}: {verdicts.claim_in_short(claim)}"
        console.print(heading, style="bold", soft_wrap=wraps)
        console.print(reasoning.reasoning(view, claim), soft_wrap=wraps)
    if judged and margin is not None:
        sentence = (
            f"Judged by ±{points(margin)}, as --margin says, not by the claims' own tolerance."
        )
        console.print(sentence, soft_wrap=wraps)
    if not report.claims:
        console.print(verdicts.NO_CLAIM, soft_wrap=wraps)
    if rest := reasoning.not_measured(report):
        console.print(rest, soft_wrap=wraps)
    _print_corrections(report, console)


def print_evaluation(result: Evaluation) -> None:
    """Print one line a GGUF."""
    console, view = stdout_console(), RecordView.of(result)
    console.print(evaluation_table(view))
    _print_failures(result, console)
    _print_remarks(result, console)
    if stopped := until_decided(view):
        console.print(f"{stopped}. {conclusion.EVERY_LOOK}", soft_wrap=True)
    _print_computed(view, console)


def print_comparison(found: Comparison) -> None:
    """Print several machines' records side by side."""
    console = stdout_console()
    first = found.machines[0]
    title = f"{_items(first.data)}, protocol {first.protocol.label}"
    console.print(title, style="bold", soft_wrap=True)
    console.print(comparison_table(found))
    for alarm in alarms(found):
        console.print(alarm, style=LOUD, soft_wrap=True)
    for sentence in sentences(found):
        console.print(sentence, soft_wrap=True)


def print_inspection(found: Inspection) -> None:
    """Print what a GGUF says of itself, in tables."""
    console = stdout_console()
    for index, table in enumerate(tables(found)):
        if index:
            console.print()
        console.print(table)


def inspection_json(found: Inspection) -> str:
    """Return an inspection as a JSON object."""
    return json.dumps(found.model_dump(mode="json"), indent=2)


def print_runs(runs: Sequence[Run], path: Path) -> None:
    """Print the runs of a store, one line each."""
    stdout_console().print(runs_table(runs, path))


def print_run(run: RunDetails) -> None:
    """Print what a store holds of a run, in tables."""
    console = stdout_console()
    for index, table in enumerate(run_tables(run)):
        if index:
            console.print()
        console.print(table)
    known = (plan.facts.model.shape for plan in run.plans if plan.facts.model is not None)
    if run.setting.devices and (shape := next(known, None)):
        there = where(run.setting.backend, run.setting.offload(shape.n_layers))
        console.print(f"Computed with {there}.", soft_wrap=True)


def print_repair(found: Repair) -> None:
    """Print what was recovered of a store, and what was lost."""
    console = stdout_console()
    for line in repair_lines(found):
        console.print(line, soft_wrap=True)


def print_cache(found: CacheContents) -> None:
    """Print what the cache holds, one line a GGUF, and what it takes in all."""
    console = stdout_console()
    if found.files:
        table = Table(f"GGUFs in {found.folder}, made again where they are needed")
        for title in ("file", "size", "last used"):
            table.add_column(title, right=title == "size")
        for each in found.files:
            table.add_row(each.file, size(each.n_bytes), f"{each.used_at:%Y-%m-%d %H:%M}")
        console.print(table)
    for line in _cache_lines(found):
        console.print(line, soft_wrap=True)


def _cache_lines(found: CacheContents) -> Iterator[str]:
    ggufs = "1 GGUF" if len(found.files) == 1 else f"{len(found.files):,} GGUFs"
    notes = f"{found.n_notes:,} remembered hashes and trials of kernels"
    yield f"{found.folder}: {ggufs} and {notes}, {size(found.n_bytes)} in all."
    for path, n_bytes in found.left.items():
        yield (
            f"{path} ({size(n_bytes)}): left by a run that was killed; the next run, or edgeval "
            "cache prune, removes it."
        )
    if found.files:
        yield "edgeval cache prune removes those that were not used for 30 days."


def print_pruned(found: Pruned) -> None:
    """Print what was removed of the cache."""
    sentence = f"Removed {len(found.files)} GGUFs, {size(found.n_bytes)} in all."
    if found.kept:
        sentence += f" Kept, for another edgeval makes them now: {', '.join(found.kept)}."
    stdout_console().print(sentence, soft_wrap=True)


def records_json(records: Sequence[Record]) -> str:
    """Return records as a JSON list."""
    return json.dumps([each.model_dump(mode="json") for each in records], indent=2)


def print_types(names: Sequence[str]) -> None:
    """Print file types for a help page, the largest first, in as few lines as 80 columns allow."""
    known = sorted((name for name in names if name in BITS_PER_WEIGHT), key=_descending)
    unknown = (name for name in names if name not in known)
    cells = [_type_cells(name) for name in [*known, *unknown]]
    table = Table(is_grid=True)
    for _ in range(_TYPE_COLUMNS):
        table.add_column()
        table.add_column(right=True)
        table.add_column(width=1)
    height = -(-len(cells) // _TYPE_COLUMNS)
    for row in range(height):
        table.add_row(*(cell for column in cells[row::height] for cell in column))
    notes = Lines(
        "Measured on the shape of TinyLlama 1.1B; other shapes have other numbers.",
        "* needs an importance matrix: --imatrix FILE",
    )
    Console(highlight=False).print(Frame("Types, in bits per weight", table, notes))


def _descending(name: str) -> float:
    return -BITS_PER_WEIGHT[name]


def _type_cells(name: str) -> tuple[str, str, str]:
    bits = f"{BITS_PER_WEIGHT[name]:.2f}" if name in BITS_PER_WEIGHT else "\N{EN DASH}"
    return name, bits, "*" if name in NEEDS_IMATRIX else ""


def _print_unjudged(report: Report, failed: str, console: Console) -> None:
    """Print the claims of a record that judges none, and why: its reference failed."""
    wraps = not console.is_terminal
    for claim in report.claims:
        heading = f"Not judged: {verdicts.claim_in_short(claim)}"
        console.print(heading, style="bold", soft_wrap=wraps)
    console.print(failed, soft_wrap=wraps)
    for sentence in failure_sentences([each for each in report.failures if each.is_reference]):
        console.print(sentence, soft_wrap=wraps)


def _print_failures(record: Report | Evaluation, console: Console) -> None:
    """Print a paragraph for each type that failed."""
    wraps = not console.is_terminal
    for sentence in failure_sentences(record.failures):
        console.print(sentence, style=LOUD, soft_wrap=wraps)


def _print_remarks(record: Report | Evaluation, console: Console) -> None:
    """Print what has to be known of the files beside their numbers."""
    for sentence in remarks(record):
        console.print(sentence, style=LOUD, soft_wrap=not console.is_terminal)


def _print_computed(view: RecordView[Report | Evaluation], console: Console) -> None:
    """Print what the speeds belong to and, where that is worth a word, kernels and GPUs."""
    record = view.record
    for sentence in speeds.sentences(view):
        console.print(sentence, soft_wrap=True)
    if plain := plain_kernels(record.runs):
        sentence = f"Computed with llama.cpp's plain kernels: {plain}."
        console.print(sentence, soft_wrap=True)
    if sentence := machines.computed(view):
        console.print(sentence, soft_wrap=True)
    if failure := machines.failed_self_check(record.engine.backend, record.runs):
        console.print(failure, style=LOUD, soft_wrap=True)


def print_corrections(record: Report | Evaluation) -> None:
    """Print what a saved record says otherwise than its numbers, beside JSON: on stderr."""
    _print_corrections(record, stderr_console())


def _print_corrections(record: Report | Evaluation, console: Console) -> None:
    """Print what a saved record says otherwise than its numbers."""
    for sentence in record.corrections:
        console.print(sentence, style=LOUD, soft_wrap=not console.is_terminal)


def _items(data: DataSource) -> str:
    if data.n_items == data.n_total:
        return f"all {data.n_items:,} items of {data.name}"
    return f"a slice: {data.n_items:,} of {data.n_total:,} items of {data.name}"
