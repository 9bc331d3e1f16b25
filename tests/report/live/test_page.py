"""Linked pages: those of a report's tasks, as far as they are there and not too long."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.report.live import page
from edgeval.report.suite.view import page_names
from tests.helpers.reports import example_report
from tests.helpers.suites import example_suite


def test_each_task_has_its_page(tmp_path: Path) -> None:
    suite = example_suite()
    names = [f"{name}.html" for name in page_names(suite.tasks)]
    for name in (*names, "report.html", "report-other.html"):
        tmp_path.joinpath(name).write_text(f"<p>{name}", encoding="utf-8")
    assert page.linked_pages(suite, tmp_path) == {name: f"<p>{name}".encode() for name in names}
    assert page.linked_pages(example_report(), tmp_path) == {}


def test_what_is_not_there_or_too_long_is_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = example_suite()
    first, second, third = (tmp_path / f"{name}.html" for name in page_names(suite.tasks))
    monkeypatch.setattr(page, "_MOST_LINKED_BYTES", 10)
    first.write_bytes(b"123456")
    second.write_bytes(b"12345")
    third.write_bytes(b"1234")
    assert [*page.linked_pages(suite, tmp_path)] == [first.name, third.name]
    first.unlink()
    third.unlink()
    third.mkdir()
    assert [*page.linked_pages(suite, tmp_path)] == [second.name]
