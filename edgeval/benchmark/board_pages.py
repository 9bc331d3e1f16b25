"""Pages of boards side by side, HTML and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgeval import __version__
from edgeval.benchmark import board_columns
from edgeval.benchmark.boards import BoardTable
from edgeval.errors import counted
from edgeval.system.files import write_files

if TYPE_CHECKING:
    from edgeval.report.load_figure import LoadFigure

PAGES: Final = ("boards.html", "boards.md")


def write_pages(tables: Sequence[BoardTable], folder: Path) -> None:
    """Write both pages to a folder, which is made.

    Raises:
        EdgevalError: If they cannot be written.
    """
    html, markdown = (folder / name for name in PAGES)
    write_files({html: boards_html(tables), markdown: boards_markdown(tables)})


def boards_html(tables: Sequence[BoardTable]) -> str:
    """Return one HTML file that loads nothing: tables, and a figure of each load over minutes."""
    return _rendered("boards.html.j2", tables)


def boards_markdown(tables: Sequence[BoardTable]) -> str:
    """Return GitHub-flavoured Markdown without HTML."""
    return _rendered("boards.md.j2", tables)


def figures(table: BoardTable, number: int) -> list[LoadFigure]:
    """Return a figure for each machine of a table that was kept busy.

    Args:
        table: The table.
        number: Which of the page it is: no two figures have one name.
    """
    from edgeval.report.load_figure import load_figure

    found = [
        load_figure(row.load, f"load-{number}-{at}", f"{row.device}, {table.type}")
        for at, row in enumerate(table.rows)
        if row.load is not None
    ]
    return [each for each in found if each is not None]


def _rendered(name: str, tables: Sequence[BoardTable]) -> str:
    from edgeval.report.pages import template  # Who only prints tables draws no page.

    own = {row.source for table in tables for row in table.rows if not row.url}
    parts: dict[str, Any] = {
        "tables": tables,
        "boards": board_columns,
        "figures": figures,
        "summary": f"{counted(len(tables), 'model')}, {counted(len(own), 'record')}",
        "version": __version__,
    }
    return template(name).render(**parts)
