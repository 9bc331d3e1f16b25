"""Summary of a record and its gate in Markdown, for the page that a build server shows."""

from __future__ import annotations

import os
from pathlib import Path

from edgeval.errors import EdgevalError
from edgeval.records import Report, Suite
from edgeval.report.gate.gate import Gate
from edgeval.report.pages import template
from edgeval.report.record_view import RecordView
from edgeval.report.suite import sentences
from edgeval.report.suite.view import SuiteView
from edgeval.system.files import require_writable


def summary(report: Report | Suite, found: Gate | None = None) -> str:
    """Return the ladder, what follows from it and what a gate shows, as GitHub's Markdown."""
    checks = () if found is None else found.checks
    if isinstance(report, Suite):
        view = SuiteView.of(report)
        return template("suite-summary.md.j2").render(view=view, checks=checks, sentences=sentences)
    return template("summary.md.j2").render(view=RecordView.of(report), checks=checks)


def append(text: str, target: Path) -> None:
    """Add a text to the end of a file, which other programs add to as well.

    Raises:
        EdgevalError: If it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            # One write, so that no other program's text comes between.
            file.write(f"{_break_before(target)}{text}".encode())
    except OSError as error:
        raise EdgevalError(
            f"cannot add to {target} ({error.strerror or error}); choose another name"
        ) from error


def require_appendable(target: Path) -> None:
    """Raise before any work is done if nothing can be added to a file; its folder is made.

    Raises:
        EdgevalError: If it cannot.
    """
    if not target.exists():
        require_writable(target)
    elif target.is_dir() or not os.access(target, os.W_OK):
        raise EdgevalError(f"cannot add to {target}; name a file that you may write")


def _break_before(target: Path) -> str:
    """Return the line breaks that end what is there, so that a heading behind it is one."""
    if not target.is_file() or not target.stat().st_size:
        return ""
    with target.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return "\n" if file.read() == b"\n" else "\n\n"
