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
    from edgeval.report.details import Table

PAGES: Final = ("boards.html", "boards.md")


def write_pages(tables: Sequence[BoardTable], folder: Path) -> None:
    """Write both pages to a folder, which is made.

    Raises:
        EdgevalError: If they cannot be written.
    """
    html, markdown = (folder / name for name in PAGES)
    write_files({html: boards_html(tables), markdown: boards_markdown(tables)})


def boards_html(tables: Sequence[BoardTable]) -> str:
    """Return one HTML file that loads nothing, with tables that sort and charts."""
    from edgeval.benchmark import board_charts
    from edgeval.report.pages import drawn_page  # Who only prints tables draws no page.

    parts = _parts(tables) | {"board_charts": board_charts, "page_table": page_table}
    return drawn_page("boards.html.j2", **parts)


def boards_markdown(tables: Sequence[BoardTable]) -> str:
    """Return GitHub-flavoured Markdown without HTML."""
    from edgeval.report.pages import template

    return template("boards.md.j2").render(**_parts(tables))


def page_table(table: BoardTable) -> Table:
    """Return the columns of a table for a page."""
    from edgeval.report.details import Table

    columns = board_columns.columns(table)
    return Table(
        "Tokens a second of each test; the threads that were fastest in parentheses.",
        [each.title for each in columns],
        [list(row) for row in zip(*(each.cells for each in columns), strict=True)],
        words=tuple(at for at, each in enumerate(columns) if not each.is_number),
        links={
            (row, at): link
            for at, each in enumerate(columns)
            for row, link in enumerate(each.links)
            if link
        },
    )


def _parts(tables: Sequence[BoardTable]) -> dict[str, Any]:
    own = {row.source for table in tables for row in table.rows if not row.url}
    return {
        "tables": tables,
        "boards": board_columns,
        "summary": f"{counted(len(tables), 'model')}, {counted(len(own), 'record')}",
        "version": __version__,
    }
