"""Paired samples as tables for the terminal, one a run beside the first."""

from __future__ import annotations

from edgeval.cli.terminal.records import LOUD
from edgeval.records.paired_samples import PairedSamples, PairedSource
from edgeval.report.samples.sentences import HEADER, cells, flips_of, sentences, title
from edgeval.system.console import stdout_console
from edgeval.system.screen import Styled
from edgeval.system.tables import Table

_TEXTS = ("task", "metric", "shows")
_LEAVING = ("error in pairs / not", "lost / gained", "p")
_SHOWN = ("lower", "higher")


def print_samples(found: PairedSamples) -> None:
    """Print what samples of several models say beside those of the first."""
    console = stdout_console()
    for each in found.comparisons:
        console.print(table(found, each))
        console.print_each(flips_of(each))
    console.print_each(sentences(found))


def table(found: PairedSamples, each: PairedSource) -> Table:
    """Return the metrics of one run beside the first's, those of all tasks at last."""
    made = Table.of(
        title(found, each),
        HEADER,
        numbers=[each for each in HEADER if each not in _TEXTS],
        leaving=_LEAVING,
    )
    for task in each.tasks:
        for row in task.metrics:
            made.add_row(*_loud(cells(row), row.shows))
    if each.pooled:
        made.add_section()
    for row in each.pooled:
        made.add_row(*_loud(cells(row), row.shows))
    return made


def _loud(texts: list[str], shows: str) -> list[str | Styled]:
    at = HEADER.index("shows")
    return [
        Styled(text, LOUD) if number == at and shows in _SHOWN else text
        for number, text in enumerate(texts)
    ]
