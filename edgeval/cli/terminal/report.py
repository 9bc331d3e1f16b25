"""Ladder, or an evaluation without one, as tables for the terminal."""

from __future__ import annotations

from pathlib import Path

from edgeval.cli.terminal.records import LOUD, print_corrections
from edgeval.gguf.remarks import mix_in_full, mix_in_short
from edgeval.records import Evaluation, Interval, ModelRun, Report, Suite
from edgeval.report import conclusion, footnotes, hardware, machines, speeds, verdicts
from edgeval.report import formatting as fmt
from edgeval.report.cautions import cautions
from edgeval.report.failures import FAILED, failure_sentences
from edgeval.report.items import chance_in_short, counted_items, slice_sentence, until_decided
from edgeval.report.ladder import ladder_rows
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import rate
from edgeval.system.console import stdout_console
from edgeval.system.screen import Console, Lines, Said
from edgeval.system.tables import Table


def print_report(report: Report) -> None:
    """Print the ladder, what it means and the verdicts."""
    console, view = stdout_console(), RecordView.of(report)
    console.print(ladder_table(view))
    _print_failures(report, console)
    _print_contents(report, console)
    _print_cautions(report, console)
    if sentence := conclusion.interval_sentence(view):
        console.print(sentence)
    style = LOUD if report.reference is None else None
    console.print(conclusion.conclusion(view), style=style)
    console.print_each(verdicts.verdict_sentences(view))
    _print_computed(view, console)
    print_corrections(report, console)


def print_record(record: Report | Suite) -> None:
    """Print what a run has to report, of one task or of several."""
    if isinstance(record, Report):
        print_report(record)
        return
    from edgeval.cli.terminal.suite import print_suite

    print_suite(record)


def print_files(folder: Path, console: Console | None = None) -> None:
    """Print where the report was written; beside JSON on stderr."""
    names = ("report.html", "report.md", "report.json", "verdict.json", "pick.json")
    present = [name for name in names if (folder / name).is_file()]
    of_tasks = len(list(folder.glob("report-*.html")))
    if of_tasks:
        present.append(f"report-TASK.html and .md of {of_tasks} tasks")
    (console or stdout_console()).print(f"{folder}: {', '.join(present)}")


def print_evaluation(result: Evaluation) -> None:
    """Print one line a GGUF."""
    console, view = stdout_console(), RecordView.of(result)
    console.print(evaluation_table(view))
    _print_failures(result, console)
    _print_cautions(result, console)
    if stopped := until_decided(view):
        console.print(f"{stopped}. {conclusion.EVERY_LOOK}")
    _print_computed(view, console)


def ladder_table(view: RecordView[Report]) -> Table:
    """Return a row for each type, the reference first and those that failed last."""
    report = view.record
    metric = report.protocol.metric
    model = f"{report.model.title}, protocol {report.protocol.label}"
    heading = "; ".join(filter(None, (f"{model}: {slice_sentence(view)}", chance_in_short(report))))
    has_items, is_known = view.is_uneven, not view.is_slice
    # Those of an accuracy that is a difference away from another say what the difference's do.
    has_intervals = not is_known and not view.is_estimated
    has_new_items = is_known and view.has_new_items
    # Narrow, so that a screen of 120 holds them all.
    bits: Said = Lines("bits/", "weight") if view.drifts else "bits/weight"
    titles: list[Said] = ["size", bits, *(["items"] if has_items else []), metric]
    titles += ["95 %" if view.is_sample else "certain"] if has_intervals else []
    if view.drifts:
        titles += ["difference", "outcome", *(["new items"] if has_new_items else [])]
        titles.append(Lines("lost/", "gained"))
    # What a narrow screen has no room for, the least wanted first.
    leaving = (bits, "new items", "95 %", "certain", "size", "tokens/s")
    columns = ("type", *titles, "tokens/s")
    numbers = [title for title in columns if title not in ("type", "outcome")]
    table = Table.of(heading, columns, numbers=numbers, leaving=leaving)
    for row in ladder_rows(view):
        difference = row.difference if row.counts != speeds.EMPTY else speeds.EMPTY
        compared = (difference, row.outcome, *([row.new_items] if has_new_items else []))
        table.add_row(
            _type(row.type, row.mix, row.source),
            row.size,
            row.bits_per_weight,
            *([row.items] if has_items else []),
            row.accuracy,
            *([row.interval] if has_intervals else []),
            *((*compared, row.counts) if view.drifts else ()),
            row.tokens_per_s,
        )
    before = 3 if has_items else 2
    for failure in report.failures:
        cells = [*[speeds.EMPTY] * before, FAILED, *[speeds.EMPTY] * (len(titles) - before)]
        table.add_row(failure.label, *cells)
    return table


def evaluation_table(view: RecordView[Evaluation]) -> Table:
    """Return a row for each GGUF, those that failed last."""
    result = view.record
    metric = result.protocol.metric
    known = dict.fromkeys(name for run in result.runs[:1] for name in run.metrics)
    names = [metric, *(name for name in known if name != metric)]
    has_items, chance = view.is_uneven, chance_in_short(result)
    certain = f"{metric} {'95 %' if view.is_sample else 'certain'}"
    numbers = [*(["items"] if has_items else []), *names, certain, "new items", "tokens/s"]
    table = Table.of(
        "; ".join(
            filter(None, (f"{counted_items(view)}, protocol {result.protocol.label}", chance))
        ),
        ("file", "type", *numbers),
        numbers=numbers,
        leaving=("new items", *reversed(names[1:]), certain, "tokens/s"),
    )
    for row in view.runs:
        run = row.run
        table.add_row(
            run.file,
            _type(run.label, mix_in_short(run.mix)),
            *([f"{row.n_items:,}"] if has_items else []),
            *(
                fmt.accuracy(run.metrics[name].value) if name in run.metrics else speeds.EMPTY
                for name in names
            ),
            fmt.accuracy_interval(row.accuracy.split_interval),
            _interval(row.accuracy.interval),
            rate(row),
        )
    for failure in result.failures:
        cells = [*([speeds.EMPTY] if has_items else []), FAILED, *[speeds.EMPTY] * (len(names) + 2)]
        table.add_row(failure.file, failure.type, *cells)
    return table


def _interval(interval: Interval | None) -> str:
    return speeds.EMPTY if interval is None else fmt.accuracy_interval(interval)


def _type(label: str, mix: str, source: str = "") -> Lines:
    """Return what stands in the column of types: the mix and the source below the type."""
    last = mix or label
    of = (f"{label}:", mix) if mix else (label,)
    return Lines(*of[:-1], f"{last},", source) if source else Lines(*of)


def _print_failures(record: Report | Evaluation, console: Console) -> None:
    """Print a paragraph for each type that failed."""
    console.print_each(failure_sentences(record.failures), style=LOUD)


def _print_cautions(record: Report | Evaluation, console: Console) -> None:
    """Print what has to be known before the numbers are believed."""
    console.print_each(cautions(record), style=LOUD)


def _print_contents(report: Report, console: Console) -> None:
    """Print of what files of one type are: of different tensors, as a rule."""
    console.print_each(
        f"{run.label}: {mix_in_full(run.mix)}."
        for run in report.runs
        if run.mix is not None and any(_is_of_type(run, other) for other in report.runs)
    )


def _is_of_type(run: ModelRun, other: ModelRun) -> bool:
    """Return whether another file has the same type, and another label."""
    return run.type == other.type and run.label != other.label and bool(run.name or other.name)


def _print_computed(view: RecordView[Report | Evaluation], console: Console) -> None:
    """Print what the speeds belong to and, where that is worth a word, kernels and GPUs."""
    record = view.record
    console.print_each(footnotes.sentences(view))
    if sentence := hardware.shortage_sentence(record.conditions):
        console.print(sentence)
    if plain := machines.plain_kernels(record.runs):
        sentence = f"Computed with llama.cpp's plain kernels: {plain}."
        console.print(sentence)
    if sentence := machines.computed(view):
        console.print(sentence)
    if failure := machines.failed_self_check(record.engine.backend, record.runs):
        console.print(failure, style=LOUD)
