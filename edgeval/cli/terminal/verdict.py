"""Verdicts on published numbers, as sentences for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.cli.terminal.records import print_corrections
from edgeval.records import Report, Suite, Verdict
from edgeval.report import reasoning
from edgeval.report import verdicts as words
from edgeval.report.failures import failure_sentences, reference_failed
from edgeval.report.formatting import points
from edgeval.report.record_view import RecordView
from edgeval.report.suite import sentences
from edgeval.report.suite.view import SuiteView
from edgeval.system.console import stdout_console
from edgeval.system.screen import Console


def print_verdicts(
    report: Report, verdicts: Sequence[Verdict], margin: float | None = None
) -> None:
    """Print what a record says about each published number, and why.

    Args:
        report: The record.
        verdicts: Its verdicts, in the order of its claims; none if its reference failed.
        margin: The tolerance in points that was asked for instead of the claims' own.
    """
    console, view = stdout_console(), RecordView.of(report)
    if failed := reference_failed(report):
        _print_unjudged(report, failed, console)
    for claim, verdict in zip([] if failed else report.claims, verdicts, strict=True):
        heading = f"{words.STATUS_LABELS[verdict.status]}: {words.claim_in_short(claim)}"
        console.print(heading, style="bold")
        console.print(reasoning.reasoning(view, claim))
    if verdicts and margin is not None:
        sentence = (
            f"Judged by ±{points(margin)}, as --margin says, not by the claims' own tolerance."
        )
        console.print(sentence)
    if not report.claims:
        console.print(words.NO_CLAIM)
    if rest := reasoning.not_measured(report):
        console.print(rest)
    print_corrections(report, console)


def print_suite_verdicts(suite: Suite, margin: float | None = None) -> None:
    """Print what a record of several tasks says about the average, and about each number.

    Args:
        suite: The record.
        margin: The tolerance in points that was asked for instead of the claims' own.
    """
    console, view = stdout_console(), SuiteView.of(suite)
    console.print_each(sentences.average_sentences(view))
    for report in suite.reports:
        console.print(report.data.task, style="bold")
        print_verdicts(report, report.verdicts, margin)
    print_corrections(suite, console)


def _print_unjudged(report: Report, failed: str, console: Console) -> None:
    """Print the claims of a record that judges none, and why: its reference failed."""
    for claim in report.claims:
        heading = f"Not judged: {words.claim_in_short(claim)}"
        console.print(heading, style="bold")
    console.print(failed)
    console.print_each(failure_sentences([each for each in report.failures if each.is_reference]))
