"""Image of several tasks: each difference in its place, and all images drawn by one process."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgeval.records import Suite
from edgeval.report import record_files
from edgeval.report.charts import images as drawing
from edgeval.report.charts.images import PNG, SVG, images
from edgeval.report.suite import charts
from edgeval.report.suite.pages import suite_markdown
from edgeval.report.suite.view import SuiteView, page_names
from tests.helpers.drawn import assert_on_one_scale, marks_of, rows_of
from tests.helpers.suites import TASKS, example_suite

HOSTILE = "\u202e<script>alert(1)</script> [a](https://example.org) | b"


def suite_without_comparison() -> Suite:
    suite = example_suite()
    reports = [
        report.model_copy(update={"runs": report.runs[:1], "drift": []}) for report in suite.reports
    ]
    return suite.model_copy(update={"reports": reports, "pooled": []})


def test_all_types_stand_below_each_other() -> None:
    suite = example_suite(400)
    spec = charts.tasks_image(SuiteView.of(suite))
    assert spec is not None
    assert [part["title"]["text"] for part in spec["vconcat"]] == ["Q8_0", "Q2_K"]
    for part, pooled in zip(spec["vconcat"], suite.pooled, strict=True):
        rows = rows_of(part)
        assert [row["task"] for row in rows] == [*TASKS, "all items"]
        drifts = [drift for report in suite.reports for drift in report.drift]
        own = [each.difference_points for each in drifts if each.label == pooled.label]
        assert [row["difference"] for row in rows] == [*own, pooled.by_items.difference_points]


def test_of_more_rows_than_an_image_holds_those_of_all_items_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = SuiteView.of(example_suite())
    monkeypatch.setattr(charts, "_MOST_ROWS", 7)
    spec = charts.tasks_image(view)
    assert spec is not None
    (part,) = spec["vconcat"]
    assert part["title"]["text"] == "all items"
    assert [row["task"] for row in rows_of(part)] == ["Q8_0", "Q2_K"]
    monkeypatch.setattr(charts, "_MOST_ROWS", 1)
    assert charts.tasks_image(view) is None


def test_where_nothing_is_compared_there_is_no_image() -> None:
    suite = suite_without_comparison()
    assert charts.tasks_image(SuiteView.of(suite)) is None
    assert "![" not in suite_markdown(suite)


def test_the_text_that_stands_for_it_is_text() -> None:
    suite = example_suite(claims=())
    reports = []
    for report in suite.reports:
        first = report.runs[0].model_copy(update={"name": HOSTILE})
        reports.append(report.model_copy(update={"runs": [first, *report.runs[1:]]}))
    hostile = suite.model_copy(update={"reports": reports, "pooled": [], "averages": []})
    page = suite_markdown(hostile, "report.svg")
    (shown,) = (line for line in page.splitlines() if line.startswith("!["))
    assert shown.startswith("![Difference in accuracy to F16")
    assert shown.endswith("the band is ±1 point](report.svg)")
    assert shown.count("](") == 1 + shown.count("\\](")
    assert "\u202e" not in shown
    assert "<" not in shown.replace("\\<", "")


@pytest.mark.images
def test_each_mark_stands_where_its_difference_is() -> None:
    suite = example_suite()
    spec = charts.tasks_image(SuiteView.of(suite))
    assert spec is not None
    (files,) = images([spec])
    assert files[PNG].startswith(b"\x89PNG")
    text = files[SVG].decode()
    for word in ("Q8_0", "Q2_K", "all items", "points from F16", "equivalent", *TASKS):
        assert f">{word}</text>" in text
    marks = marks_of(text)
    assert len(marks) == len(spec["vconcat"])
    told = [row["difference"] for part in spec["vconcat"] for row in rows_of(part)]
    assert_on_one_scale(told, [x for each in marks for x, _ in each])


@pytest.mark.images
def test_one_process_draws_all_images_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    original = subprocess.run

    def counted(command: list[str], **rest: Any) -> Any:
        started.append(command)
        return original(command, **rest)

    monkeypatch.setattr(drawing.subprocess, "run", counted)
    suite = example_suite()
    record_files.save(suite, tmp_path)
    assert len(started) == 1
    for name in ("report", *page_names(suite.tasks)):
        assert (tmp_path / f"{name}{PNG}").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / f"{name}{SVG}").read_text("utf-8").startswith("<svg")
        assert f"]({name}{SVG})" in (tmp_path / f"{name}.md").read_text("utf-8")
    assert "Q2_K" in (tmp_path / f"report{SVG}").read_text("utf-8")
    # A record without a comparison leaves none of them.
    record_files.save(suite_without_comparison(), tmp_path)
    assert not [*tmp_path.glob(f"*{SVG}"), *tmp_path.glob(f"*{PNG}")]
