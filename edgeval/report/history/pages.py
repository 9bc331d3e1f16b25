"""Pages of a history, HTML and Markdown: what changed, a chart over time, every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edgeval.records.history import History
from edgeval.report.history import charts, sentences, table
from edgeval.report.pages import drawn_page, template
from edgeval.system.files import write_files

PAGES: Final = ("history.html", "history.md")


def write_pages(history: History, folder: Path) -> None:
    """Write both pages to a folder, which is made.

    Raises:
        EdgevalError: If they cannot be written.
    """
    html, markdown = (folder / name for name in PAGES)
    write_files({html: history_html(history), markdown: history_markdown(history)})


def history_html(history: History) -> str:
    """Return one HTML file that loads nothing, with tables that sort and a chart."""
    return drawn_page("history.html.j2", **_parts(history))


def history_markdown(history: History) -> str:
    """Return GitHub-flavoured Markdown without HTML."""
    return template("history.md.j2").render(**_parts(history))


def _parts(history: History) -> dict[str, Any]:
    return {
        "history": history,
        "over_time": charts,
        "sentences": sentences,
        "tables": table,
    }
