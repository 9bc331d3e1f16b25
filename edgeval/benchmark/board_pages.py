"""Pages of boards side by side, HTML and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeval import __version__
from edgeval.benchmark import board_columns
from edgeval.benchmark.boards import BoardTable
from edgeval.errors import counted

if TYPE_CHECKING:
    from edgeval.report.details import Table


def write_boards(tables: Sequence[BoardTable], folder: Path, name: str) -> list[str]:
    """Write both pages and their image to a folder, which is made; return what they are called.

    Args:
        tables: A table a model; the image shows the first one.
        folder: The folder.
        name: What the files are called, without their ends.

    Raises:
        EdgevalError: If they cannot be written.
    """
    from edgeval.benchmark.board_charts import board_chart
    from edgeval.report.charts.chart import OF_IMAGE, still
    from edgeval.report.page_files import write_pages

    shown = still(board_chart(tables[0], 1, OF_IMAGE))
    markdown, html = partial(boards_markdown, tables), partial(boards_html, tables)
    return write_pages(folder, name, shown, markdown, html)


def boards_html(tables: Sequence[BoardTable]) -> str:
    """Return one HTML file that loads nothing, with tables that sort and charts."""
    from edgeval.benchmark import board_charts
    from edgeval.report.pages import drawn_page  # Who only prints tables draws no page.

    parts = _parts(tables) | {"board_charts": board_charts, "page_table": page_table}
    return drawn_page("boards.html.j2", **parts)


def boards_markdown(tables: Sequence[BoardTable], image: str | None = None) -> str:
    """Return GitHub-flavoured Markdown without HTML, which shows an image if there is one."""
    from edgeval.benchmark import board_charts
    from edgeval.report.pages import template

    parts = _parts(tables) | {"board_charts": board_charts, "image": image}
    return template("boards.md.j2").render(**parts)


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
