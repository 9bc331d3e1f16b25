"""Boards side by side, shown in a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from edgeval.benchmark.board_columns import columns, explanations, sentences
from edgeval.benchmark.boards import BoardRow, BoardTable
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_PUBLISHED = "published"


def print_boards(found: Sequence[BoardTable]) -> None:
    """Print a table a model, and what its numbers mean."""
    console = stdout_console()
    for each in found:
        console.print(table_of(each))
        console.print_each(sentences(each))
        console.print("")
    console.print_each(explanations(found))


def boards_json(found: Sequence[BoardTable]) -> str:
    """Return the tables as a JSON array."""
    tables = [asdict(replace(each, rows=[])) | {"rows": _rows(each)} for each in found]
    return json.dumps(tables, indent=2)


def _rows(table: BoardTable) -> list[dict[str, Any]]:
    return [_without_load(row) for row in table.rows]


def _without_load(row: BoardRow) -> dict[str, Any]:
    """Return a row without each test of a load, which its record has."""
    found = asdict(replace(row, load=None))
    del found["load"]
    return found


def table_of(found: BoardTable) -> Table:
    """Return one line a machine; who published which stands below it."""
    shown = columns(found)
    table = Table(f"{found.model} ({found.type})")
    for each in shown:
        is_number = each.is_number
        table.add_column(each.title, right=is_number, is_whole=is_number, leaves=each.leaves)
    for at in range(len(found.rows)):
        table.add_row(*(_PUBLISHED if each.link(at) else each.cells[at] for each in shown))
    return table
