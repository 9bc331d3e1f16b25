"""Several tasks as a table for the terminal."""

from __future__ import annotations

from edgeval.cli.terminal.records import LOUD, print_corrections
from edgeval.records import Suite
from edgeval.report import hardware, speeds
from edgeval.report.suite import sentences
from edgeval.report.suite.view import SuiteView
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table


def print_suite(record: Suite) -> None:
    """Print a row a task and type, what they mean together, and the verdicts."""
    console, view = stdout_console(), SuiteView.of(record)
    console.print(suite_table(view))
    console.print(sentences.metric_sentence(view))
    console.print_each(sentences.failures_of(view), style=LOUD)
    console.print_each(sentences.caution_sentences(view), style=LOUD)
    console.print(sentences.conclusion(view))
    console.print_each(sentences.average_sentences(view))
    console.print_each(list(sentences.task_sentences(view)))
    console.print_each(speeds.sentences(view.first))
    console.print_each(sentences.sensor_sentences(view))
    if sentence := hardware.shortage_sentence(view.first.record.conditions):
        console.print(sentence)
    print_corrections(record, console)


def suite_table(view: SuiteView) -> Table:
    """Return a row a task and type; then those over all items, and as the mean of tasks."""
    title = f"{view.first.record.model.title}, protocol {', '.join(view.protocols)}"
    how_many = f"{view.n_items:,} of {view.n_total:,} items of {len(view.views)} tasks"
    intervals = ["95 %"] if view.is_slice else []
    compared = ["difference", "outcome", "lost/gained", "Holm p"] if view.has_drift else []
    columns = ("task", "type", "items", "accuracy", *intervals, *compared)
    numbers = [each for each in columns if each not in ("task", "type", "outcome")]
    leaving = ("Holm p", "items", "lost/gained", "95 %")
    table = Table.of(f"{title}: {how_many}", columns, numbers=numbers, leaving=leaving)
    for row in (*view.rows, *view.rows_of_all):
        drift = (row.difference, row.outcome, row.counts.replace(" ", ""), row.p)
        table.add_row(
            row.task if row.is_first else "",
            row.type,
            row.items,
            row.accuracy,
            *([row.interval] if view.is_slice else []),
            *(drift if view.has_drift else ()),
        )
    return table
