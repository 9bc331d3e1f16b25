"""Notebook views: the table of a record and its figure, as HTML that is safe beside any other.

Importing this module lets records show themselves so; see ``records.notebook``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from edgeval.records import Evaluation, Report, Suite
from edgeval.records.comparison import Comparison
from edgeval.records.history import History
from edgeval.records.notebook import html
from edgeval.records.paired_samples import PairedSamples
from edgeval.report import formatting as fmt

if TYPE_CHECKING:
    from edgeval.report.charts.chart import Spec

_NONE = "\N{EN DASH}"

_Row = list[list[str]]
"""The cells of a row; the texts of a cell stand below each other."""


@html.register
def report_html(report: Report) -> str:
    """Return the conclusion, the ladder and the chart of a report."""
    from edgeval.report import energy, speeds
    from edgeval.report.charts import drift_image
    from edgeval.report.conclusion import conclusion
    from edgeval.report.ladder import ladder_rows
    from edgeval.report.record_view import RecordView

    view = RecordView.of(report)
    rows: list[_Row] = [
        [
            [row.type, row.mix, row.source],
            [row.size],
            [row.bits_per_weight],
            [row.accuracy, row.interval],
            [row.difference_points, row.difference_interval],
            [row.outcome],
            [row.counts],
            [row.tokens_per_s],
        ]
        for row in ladder_rows(view)
    ]
    header = ["type", "size", "bits/weight", f"{report.protocol.metric}, %", "difference"]
    header += ["outcome", "lost / gained", "tokens/s"]
    failed: list[_Row] = [
        [[each.label], *[[_NONE]] * 4, ["failed"], [_NONE], [_NONE]] for each in report.failures
    ]
    sentences = [*report.corrections, conclusion(view)]
    return _rendered(
        report.model.title,
        sentences,
        header,
        rows + failed,
        notes=speeds.sentences(view) + energy.sentences(view.named),
        chart=drift_image(view),
    )


@html.register
def suite_html(record: Suite) -> str:
    """Return the conclusion and the table of several tasks, a row a task and type."""
    from edgeval.report.suite.sentences import average_sentences, conclusion
    from edgeval.report.suite.view import SuiteView

    view = SuiteView.of(record)
    rows: list[_Row] = [
        [[row.task], [row.type], [row.items], [row.accuracy], [row.difference], [row.outcome]]
        for row in (*view.rows, *view.rows_of_all)
    ]
    header = ["task", "type", "items", "accuracy, %", "difference", "outcome"]
    title = view.first.record.model.title
    sentences = [*record.corrections, *average_sentences(view), conclusion(view)]
    return _rendered(title, sentences, header, rows)


@html.register
def evaluation_html(record: Evaluation) -> str:
    """Return the table of an evaluation, a row a file."""
    from edgeval.report import energy, speeds
    from edgeval.report.record_view import RecordView

    view = RecordView.of(record)
    metrics = list(dict.fromkeys(name for run in record.runs for name in run.metrics))
    rates = [speeds.rate(row) for row in view.runs]
    failed = [_NONE] * len(record.failures)
    rows = [
        [
            [row["file"]],
            [row["type"]],
            [_number(row["n_items"], 0)],
            *([_percent(row[name])] for name in metrics),
            [speed],
        ]
        for row, speed in zip(record.rows(), [*rates, *failed], strict=True)
    ]
    header = ["file", "type", "items", *(f"{name}, %" for name in metrics), "tokens/s"]
    title = f"{record.data.name}, protocol {record.protocol.label}"
    reasons = [f"{each.label} failed: {each.reason}" for each in record.failures]
    sentences = [*record.corrections, *reasons]
    return _rendered(
        title, sentences, header, rows, notes=speeds.sentences(view) + energy.sentences(view.named)
    )


@html.register
def comparison_html(record: Comparison) -> str:
    """Return the table of a comparison, a row a type and machine."""
    rows = [
        [
            [row["type"]],
            [row["machine"]],
            [_number(row["correct"], 0)],
            [row["standing"]],
            [
                _NONE
                if row["difference_points"] is None
                else fmt.signed(row["difference_points"], 2)
            ],
            [row["outcome"] or _NONE],
            [_number(row["tokens_per_s"], 1)],
            [_number(row["items_per_s"], 2)],
        ]
        for row in record.rows()
    ]
    right = f"right, {record.machines[0].protocol.metric}"
    header = ["type", "machine", right, "beside the first", "difference", "outcome"]
    header += ["tokens/s", "items/s"]
    margin = f"Accuracies within {fmt.points(record.margin_points)} are called equivalent."
    return _rendered("Records side by side", [margin], header, rows)


@html.register
def history_html(record: History) -> str:
    """Return the runs of a store, a row a run."""
    from edgeval.report.history import sentences, table

    found = table.history_table(record)
    rows = [[[cell] for cell in row] for row in found.rows]
    told = [sentences.answer(record), *sentences.alarms(record)]
    notes = list(sentences.notes(record))
    return _rendered(f"Runs of {record.store}", told, found.header, rows, notes=notes)


def _number(value: float | None, decimals: int) -> str:
    return _NONE if value is None else fmt.plain(value, decimals)


def _percent(value: float | None) -> str:
    return _NONE if value is None else fmt.accuracy(value)


@html.register
def samples_html(found: PairedSamples) -> str:
    """Return the tables of paired samples, one below another."""
    from edgeval.report.samples.sentences import HEADER, cells, sentences, title

    tables = [
        _rendered(
            title(found, each),
            [],
            list(HEADER),
            [[[cell] for cell in cells(row)] for row in each.metrics],
            notes=list(sentences(found)) if each is found.comparisons[-1] else [],
        )
        for each in found.comparisons
    ]
    return "".join(tables)


def _rendered(
    title: str,
    sentences: Sequence[str],
    header: Sequence[str],
    rows: Sequence[_Row],
    *,
    notes: Sequence[str] = (),
    chart: Spec | None = None,
) -> str:
    """Return the HTML.

    Args:
        title: What stands above it.
        sentences: What stands below that.
        header: Name of each column.
        rows: The rows.
        notes: What stands below the table.
        chart: What is drawn below them, if anything, and if it can be drawn here.
    """
    from edgeval.report.charts.images import SVG, images
    from edgeval.report.pages import template

    (drawn,) = images([chart])
    return template("notebook.html.j2").render(
        title=title,
        sentences=sentences,
        header=header,
        rows=rows,
        notes=notes,
        chart=Markup(drawn[SVG].decode()) if drawn else "",
    )
