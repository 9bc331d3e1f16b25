"""LaTeX: the ladder as a table in the style of booktabs, to be put into a paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from edgeval.records import Report, Suite
from edgeval.report import formatting as fmt
from edgeval.report.failures import FAILED
from edgeval.report.items import slice_sentence
from edgeval.report.ladder import ladder_rows
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import EMPTY
from edgeval.report.suite.view import SuiteView
from edgeval.system.escapes import visible

_ESCAPES: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    fmt.MINUS: "$-$",
    EMPTY: "--",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
}
_SYNTAX: Final = re.compile("|".join(map(re.escape, _ESCAPES)))
_DASH: Final = re.compile("-(?=-)")
"""Two hyphens, or three, would become a dash."""


def latex(record: Report | Suite) -> str:
    """Return a floating table with its caption; it needs the packages booktabs and textcomp."""
    return _of_suite(record) if isinstance(record, Suite) else _of_report(record)


def escaped(text: str) -> str:
    """Return a text that LaTeX shows as it is."""
    # No visible text has the NUL that is replaced at last.
    parts = _DASH.sub("-\0", visible(text))
    return _SYNTAX.sub(lambda found: _ESCAPES[found[0]], parts).replace("\0", "{}")


def _of_report(report: Report) -> str:
    view = RecordView.of(report)
    has_drift, has_kl = bool(view.drifts), any(drift.divergence for drift in view.drifts)
    head = ["type", "bits/weight", "size", f"{report.protocol.metric} (%)"]
    sure = view.level if view.is_sample else "certain"
    head += [f"{sure} interval"] if view.is_slice else []
    head += ["difference (points)", "outcome", "lost / gained"] if has_drift else []
    head += ["KL (nats)"] if has_kl else []
    rows = []
    for row, run in zip(ladder_rows(view), view.runs, strict=True):
        cells = [row.type, row.bits_per_weight, row.size, row.accuracy]
        cells += [row.interval] if view.is_slice else []
        divergence = run.drift.divergence if run.drift else None
        if has_drift:
            difference = row.difference if run.drift else EMPTY
            cells += [difference, row.outcome, row.counts]
        cells += [fmt.nats(divergence.kl_nats) if divergence else EMPTY] if has_kl else []
        rows.append([*cells, row.tokens_per_s])
    head.append("tokens/s")
    for failure in report.failures:
        rows.append([failure.label, EMPTY, EMPTY, FAILED, *[EMPTY] * (len(head) - 4)])
    caption = (
        f"{report.model.title}. {report.data.name}, protocol {report.protocol.label} (version "
        f"{report.protocol.version}), {slice_sentence(view)}. Measured with edgeval "
        f"{report.edgeval_version}, llama.cpp through {report.engine.version}."
    )
    return _table(head, rows, 1, caption, report.data.task)


def _of_suite(suite: Suite) -> str:
    view = SuiteView.of(suite)
    head = ["task", "type", "items", "accuracy (%)", *(["95% interval"] if view.is_slice else [])]
    head += ["difference (points)", "outcome", "lost / gained"] if view.has_drift else []
    rows = []
    for row in [*view.rows, *view.rows_of_all]:
        cells = [row.task, row.type, row.items, row.accuracy]
        cells += [row.interval] if view.is_slice else []
        cells += [row.difference, row.outcome, row.counts] if view.has_drift else []
        rows.append(cells)
    first = view.first.record
    caption = (
        f"{first.model.title} on {len(view.views)} tasks, protocol {', '.join(view.protocols)}. "
        f"Measured with edgeval {suite.edgeval_version}, llama.cpp through {first.engine.version}."
    )
    return _table(head, rows, 2, caption, "tasks")


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], n_words: int, caption: str, name: str
) -> str:
    """Return a table whose first columns are words, and the others numbers but the outcome."""
    columns = "".join(
        "l" if at < n_words or title == "outcome" else "r" for at, title in enumerate(head)
    )
    # Behind the end of a row, a bracket or an asterisk would be an argument of that.
    body = (" & ".join(map(escaped, row)) + r" \\" for row in rows)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{tab:edgeval-{re.sub(r'[^A-Za-z0-9]+', '-', name)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escaped, head)) + r" \\",
        r"\midrule",
        *(f"{{}}{row}" if row.startswith(("[", "*")) else row for row in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
