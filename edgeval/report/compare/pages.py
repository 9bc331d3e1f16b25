"""Pages of a comparison, HTML and Markdown: a leaderboard, charts, and what may be compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from edgeval import __version__
from edgeval.report.compare import charts, leaderboard, overview, sentences
from edgeval.report.compare.tasks import ComparedTasks
from edgeval.report.page_files import write_pages
from edgeval.report.pages import drawn_page, template


def write_comparison(found: ComparedTasks, folder: Path, name: str) -> list[str]:
    """Write both pages and their image to a folder, which is made; return what they are called.

    Args:
        found: What was compared.
        folder: The folder.
        name: What the files are called, without their ends.

    Raises:
        EdgevalError: If they cannot be written.
    """
    shown = charts.types_image(found.comparisons)
    markdown, html = partial(compare_markdown, found), partial(compare_html, found)
    return write_pages(folder, name, shown, markdown, html)


def compare_html(found: ComparedTasks) -> str:
    """Return one HTML file that loads nothing, with tables that sort and charts."""
    return drawn_page("compare.html.j2", **_parts(found))


def compare_markdown(found: ComparedTasks, image: str | None = None) -> str:
    """Return GitHub-flavoured Markdown without HTML, which shows an image if there is one."""
    return template("compare.md.j2").render(**_parts(found), image=image)


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
