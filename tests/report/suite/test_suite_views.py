"""Views of several tasks: every number of the record, in sentences, pages and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Report, Suite
from edgeval.report import record_files
from edgeval.report.gate.suite import gate_of
from edgeval.report.suite import sentences
from edgeval.report.suite.pages import suite_html, suite_markdown
from edgeval.report.suite.view import SuiteView, page_names
from tests.helpers.energies import hot, told, with_energy, with_heat
from tests.helpers.pages import without_library
from tests.helpers.suites import TASKS, example_suite

HOSTILE = "<script>alert(1)</script> | `x` [a](https://example.org)"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    suite = example_suite()
    record_files.save(suite, tmp_path)
    found = record_files.load(tmp_path)
    assert isinstance(found, Suite)
    assert found == suite and found.corrections == ()
    names = {path.name for path in tmp_path.iterdir()}
    pages = {f"report-{task}{end}" for task in TASKS for end in (".md", ".html")}
    assert names == {"report.json", "report.md", "report.html", "verdict.json", *pages}
    with pytest.raises(EdgevalError, match=r"has 3 tasks .*; name one with --task"):
        record_files.load_task(tmp_path)
    one = record_files.load_task(tmp_path, "winogrande")
    assert isinstance(one, Report) and one.data.task == "winogrande"
    with pytest.raises(EdgevalError, match="has no task winogrand "):
        record_files.load_task(tmp_path, "winogrand")


def test_pages_of_another_record_do_not_stay(tmp_path: Path) -> None:
    record_files.save(example_suite(), tmp_path)
    record_files.save(example_suite().reports[0].model_copy(update={"n_together": 1}), tmp_path)
    assert not list(tmp_path.glob("report-*"))


def test_an_edited_record_shows_what_follows_from_its_numbers(tmp_path: Path) -> None:
    suite = example_suite()
    edited = suite.model_copy(
        update={"averages": [each.model_copy(update={"value": 0.9}) for each in suite.averages]}
    )
    (tmp_path / "report.json").write_text(edited.model_dump_json(), encoding="utf-8")
    found = record_files.load(tmp_path)
    assert isinstance(found, Suite)
    assert found.averages == suite.averages
    assert found.corrections


def test_the_conclusion_names_a_type_and_where_others_are_worse() -> None:
    view = SuiteView.of(example_suite())
    told = sentences.conclusion(view)
    assert "Over all 11,809 items of 3 tasks, Q8_0" in told
    assert "Q2_K: worse than F16 by more than 1 point on winogrande and openbookqa" in told
    assert "hold together" not in told
    assert "hold together with 95%" in sentences.conclusion(SuiteView.of(example_suite(400)))
    (average,) = sentences.average_sentences(view)
    assert average.startswith("Reproduced. The mean of F16's accuracies on 3 tasks is 51.44")


@pytest.mark.parametrize("n_items", [None, 400])
def test_every_row_is_on_both_pages(n_items: int | None) -> None:
    suite = example_suite(n_items)
    view, markdown, html = SuiteView.of(suite), suite_markdown(suite), suite_html(suite)
    for row in (*view.rows, *view.rows_of_all):
        assert row.type in markdown and row.type in html
        assert row.accuracy in markdown and row.accuracy in html
    for name in page_names(suite.tasks):
        assert f"({name}.md)" in markdown and f'href="{name}.html"' in html
    rows = suite.rows()
    assert len(rows) == 3 * 3 + 2 + 3
    assert {row["task"] for row in rows} == {*TASKS, "all items", "mean of tasks"}
    assert len({tuple(row) for row in rows}) == 1


def test_names_of_pages_are_names_and_differ() -> None:
    found = page_names(["a/b", "a b", "../x", "", "A-B", "x" * 500])
    assert len({name.casefold() for name in found}) == 6
    assert all(name.startswith("report-") and "/" not in name for name in found)
    assert max(map(len, found)) < 80


def test_hostile_texts_are_inert() -> None:
    suite = example_suite()
    reports = [
        report.model_copy(update={"data": report.data.model_copy(update={"name": HOSTILE})})
        for report in suite.reports
    ]
    hostile = suite.model_copy(update={"reports": reports, "command": HOSTILE})
    assert "<script>" not in without_library(suite_html(hostile))
    assert "| `x`" not in suite_markdown(hostile).replace(f"\n{HOSTILE}\n", "")


def test_a_gate_is_about_each_task_and_all_items() -> None:
    suite = example_suite()
    found = gate_of(suite, ["Q2_K:drift>1.0"])
    outcomes = {check.about: check.outcome for check in found.checks}
    assert outcomes == {
        "hellaswag: Q2_K": "held",
        "winogrande: Q2_K": "broken",
        "openbookqa: Q2_K": "broken",
        "all items: Q2_K": "broken" if 100 * 240 / 11_809 > 1 else "held",
    }
    assert gate_of(suite, ["Q8_0:drift>1.0"]).exit_code == 0
    assert gate_of(suite, ["verdict!=reproduced"]).exit_code == 0


def test_what_all_tasks_took_is_on_both_pages() -> None:
    suite = example_suite()
    reports = [
        with_heat(with_energy(report, F16=[told("RAPL", 1800.0)]), F16=hot(60.0 + at))
        for at, report in enumerate(suite.reports)
    ]
    measured = suite.model_copy(update={"reports": reports})
    energy, heat = sentences.sensor_sentences(SuiteView.of(measured))
    # 1,800 joules a task are half a watt-hour.
    assert "1.50 Wh" in energy
    assert heat == "Heat: CPU up to 62 \N{DEGREE SIGN}C."
    for page in (suite_markdown(measured), suite_html(measured)):
        assert energy in page
        assert heat in page
    assert sentences.sensor_sentences(SuiteView.of(suite)) == []
