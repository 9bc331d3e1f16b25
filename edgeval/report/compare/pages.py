"""Pages of a comparison, HTML and Markdown: a leaderboard, charts, and what may be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edgeval import __version__
from edgeval.report.compare import charts, leaderboard, overview, sentences
from edgeval.report.compare.tasks import ComparedTasks
from edgeval.report.pages import drawn_page, template
from edgeval.system.files import write_files

PAGES: Final = ("compare.html", "compare.md")


def write_pages(found: ComparedTasks, folder: Path) -> None:
    """Write both pages to a folder, which is made.

    Args:
        found: What was compared.
        folder: The folder.

    Raises:
        EdgevalError: If they cannot be written.
    """
    html, markdown = (folder / name for name in PAGES)
    write_files({html: compare_html(found), markdown: compare_markdown(found)})


def compare_html(found: ComparedTasks) -> str:
    """Return one HTML file that loads nothing, with tables that sort and charts."""
    return drawn_page("compare.html.j2", **_parts(found))


def compare_markdown(found: ComparedTasks) -> str:
    """Return GitHub-flavoured Markdown without HTML."""
    return template("compare.md.j2").render(**_parts(found))


def _parts(found: ComparedTasks) -> dict[str, Any]:
    return {
        "comparisons": found.comparisons,
        "left_out": found.left_out,
        "compared_charts": charts,
        "leaderboard": leaderboard,
        "overview": overview,
        "sentences": sentences,
        "version": __version__,
    }
