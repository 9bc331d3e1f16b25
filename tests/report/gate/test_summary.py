"""Summaries: Markdown that is added to what other steps of a workflow wrote."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.report.gate.gate import gate
from edgeval.report.gate.summary import append, summary
from edgeval.report.pages import markdown_page
from tests.helpers.reports import HOSTILE, example_report, failed_report

WHOLE = example_report()


def tables(markdown: str) -> list[list[str]]:
    """Return the tables of a page, each as its lines."""
    found: list[list[str]] = [[]]
    for line in markdown.splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [each for each in found if each]


def test_it_has_the_ladder_of_the_report_and_what_follows() -> None:
    page, text = markdown_page(WHOLE), summary(WHOLE, gate(WHOLE, ["drift>1"]))
    assert text.startswith("## TinyLlama 1.1B, 3T tokens\n")
    ladder, checks = tables(text)
    assert ladder == tables(page)[1]
    assert "is the smallest type that is at most 1 point worse than F16" in text
    assert "\nReproduced. On all 10,042 items" in text
    assert len(checks) == 2 + len(WHOLE.drift)
    assert checks[-1] == "| drift\\>1 | Q2_K | **broken** | 6.19 points lost, counted |"
    assert checks[2] == "| drift\\>1 | Q8_0 | held | 0.01 points lost, counted |"


def test_without_conditions_it_has_no_gate() -> None:
    assert summary(WHOLE) == summary(WHOLE, gate(WHOLE, []))
    assert len(tables(summary(WHOLE))) == 1


def test_what_failed_is_told() -> None:
    record = failed_report("Q4_0")
    text = summary(record, gate(record, ["Q4_0:drift>1"]))
    assert "**Q4_0** failed while scoring" in text
    assert "| **failed** | it was not evaluated, as the report says |" in text


def test_names_of_others_are_text() -> None:
    record = example_report(title=HOSTILE, group=HOSTILE)
    text = summary(record, gate(record, ["drift>1"]))
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert all(line.count("|") - line.count("\\|") == 5 for line in tables(text)[1])


@pytest.mark.parametrize(
    ("before", "between"),
    [(None, ""), ("", ""), ("# A step", "\n\n"), ("# A step\n", "\n")],
)
def test_it_is_added_behind_what_is_there(tmp_path: Path, before: str | None, between: str) -> None:
    path = tmp_path / "new" / "summary.md"
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before.encode())
    append("## Größe\n", path)
    append("## Next\n", path)
    text = f"{before or ''}{between}## Größe\n\n## Next\n"
    assert path.read_bytes() == text.encode()


def test_what_cannot_be_added_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgevalError, match="cannot add to"):
        append("text", tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        append("## Title\n", pipe)
        assert os.read(reading, 100) == b"## Title\n"
    finally:
        os.close(reading)
