"""History of a store, shown in a terminal."""

from __future__ import annotations

from edgeval.cli.terminal.records import LOUD
from edgeval.records import protocol_label
from edgeval.records.history import History, Measurement
from edgeval.report.history import sentences
from edgeval.report.history.table import HEADER, NUMBERS, SIZES, cells
from edgeval.report.speeds import EMPTY
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_LEAVING = ("interval", "lost / gained", "date", "items", "largest change")
"""What a narrow screen has no room for, the least wanted first."""
_ENGINE = HEADER.index("engine")
_ALWAYS = {"run", "date", "engine", "items"}


def print_history(found: History) -> None:
    """Print a table a measurement that has several runs, and a sentence for each."""
    console = stdout_console()
    console.print(sentences.answer(found), style="bold")
    console.print_each(sentences.alarms(found), style=LOUD)
    for each in found.measurements:
        if len(each.runs) > 1:
            console.print(history_table(each))
        console.print(sentences.sentence(each, found))
    console.print_each(sentences.notes(found))


def history_table(of: Measurement) -> Table:
    """Return one line a run, without the columns of which nothing is known."""
    rows = [cells(run) for run in of.runs]
    for row in rows:
        # The sentence below the table has its name in full.
        row[_ENGINE] = row[_ENGINE].rpartition(" ")[2]
    known = [
        at
        for at, title in enumerate(HEADER)
        if title in _ALWAYS or any(row[at] != EMPTY for row in rows)
    ]
    shown = [HEADER[at] for at in known]
    asked = f"{of.task}, {protocol_label(of.protocol, of.shots)}, {of.data}"
    table = Table.of(
        f"{of.file}: {asked}",
        shown,
        numbers={"run", *NUMBERS, *SIZES},
        leaving=[title for title in _LEAVING if title in shown],
    )
    for row in rows:
        table.add_row(*(row[at] for at in known))
    return table
