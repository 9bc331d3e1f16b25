"""Page of a run that goes on: it draws what it is told, and the report takes its place."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Final

from markupsafe import Markup

from edgeval.records import Report, Suite
from edgeval.report.pages import page_scripts, script_file, script_source, template
from edgeval.report.suite.view import page_names
from edgeval.system.untrusted import UnreadableError, read_regular

_MOST_LINKED_BYTES: Final = 64_000_000
"""Of all pages that a report links to. They are in memory here, and in each browser."""


def live_page(title: str) -> str:
    """Return the page: one HTML file that asks its own address for news, and loads nothing else.

    Args:
        title: What runs.
    """
    return template("live.html.j2").render(title=title, script=Markup(_script()))


def linked_pages(record: Report | Suite, folder: Path) -> dict[str, bytes]:
    """Return the pages that a report links to, by name: of several tasks those of each.

    Args:
        record: The record of the report.
        folder: Where its pages are. One that is not there, or too long beside the others, is not
            among them.
    """
    names = page_names(record.tasks) if isinstance(record, Suite) else []
    pages: dict[str, bytes] = {}
    left = _MOST_LINKED_BYTES
    for name in (f"{each}.html" for each in names):
        with contextlib.suppress(OSError, UnreadableError):
            pages[name] = read_regular(folder / name, left)
            left -= len(pages[name])
    return pages


@functools.cache
def policy() -> str:
    """Return the content security policy of the page, and of the report that takes its place.

    The report's own policy, in its head, is as strict and does not let it ask for news. The same
    goes for the pages that it links to, which run the same scripts.
    """
    scripts = " ".join(map(script_source, (_script(), *page_scripts())))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@functools.cache
def _script() -> str:
    return script_file("live.js")
