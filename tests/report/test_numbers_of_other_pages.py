"""Numbers of pages of several records: each is what the command prints as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeval.records import Report
from edgeval.report import record_files
from tests.helpers.command import edgeval
from tests.helpers.comparisons import changed, here, machine, with_right
from tests.helpers.histories import GOLD, N_ITEMS, Again, add_runs, data_file, known_data
from tests.helpers.numbers.check import wrong_numbers
from tests.helpers.numbers.others import wrong_in_comparison, wrong_in_history, wrong_in_suite
from tests.helpers.numbers.page import Parts
from tests.helpers.numbers.raw import Json
from tests.helpers.numbers.sentences import method_numbers
from tests.helpers.reports import example_report
from tests.helpers.suites import example_suite


def page_of(path: Path) -> Parts:
    return Parts(path.read_text(encoding="utf-8"))


def is_noticed(is_wrong: Callable[[], bool], part: Json, field: str) -> bool:
    """Return whether a number of JSON is missed where it is another."""
    known = part[field]
    part[field] = known + 1
    found = is_wrong()
    part[field] = known
    return found


@pytest.mark.parametrize("n_items", [None, 200])
def test_several_tasks(n_items: int | None, tmp_path: Path) -> None:
    record_files.save(example_suite(n_items), tmp_path)
    assert edgeval("report", tmp_path).returncode == 0
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    page = page_of(tmp_path / "report.html")
    assert list(wrong_in_suite(page, content)) == []
    for report in content["reports"]:
        of_task = page_of(tmp_path / f"report-{report['data']['task']}.html")
        assert list(wrong_numbers(of_task, report, method_numbers(of_task.texts))) == []
    pooled, task = content["pooled"][1], content["reports"][2]
    for part, field in (
        (pooled, "n_items"),
        (pooled, "right_to_wrong"),
        (pooled["by_items"], "difference_points"),
        (pooled["by_tasks"], "difference_points"),
        (content["averages"][0], "value"),
        (task["drift"][0], "difference_points"),
        (task["runs"][1]["metrics"]["acc_norm"], "total"),
    ):
        assert is_noticed(lambda: any(wrong_in_suite(page, content)), part, field)


def compared(folder: Path, *records: Report) -> tuple[Parts, Json]:
    """Return the page of records side by side, and what the command prints of them."""
    paths = [folder / f"{at}.json" for at in range(len(records))]
    for path, record in zip(paths, records, strict=True):
        path.write_text(record.model_dump_json(), encoding="utf-8")
    found = edgeval("compare", *paths, "--json", "--out", folder / "pages")
    assert found.returncode == 0, found.stderr
    return page_of(folder / "pages" / "compare.html"), json.loads(found.stdout)


def slower(record: Report) -> Report:
    """Return a report of the same machine on another day, on which one file was slower."""
    first, *rest = record.runs
    assert first.speed is not None
    speed = changed(first.speed, elapsed_s=1.5 * first.speed.elapsed_s, tokens_per_s=None)
    return changed(record, runs=[changed(first, speed=speed), *rest])


def test_records_side_by_side(tmp_path: Path) -> None:
    other = machine()
    for at in range(len(other.runs)):
        other = with_right(other, at, 3)
    page, content = compared(tmp_path, here(), slower(here()), other, example_report(n_items=900))
    assert list(wrong_in_comparison(page, content)) == []
    run, slow = content["types"][2]["runs"][2], content["types"][0]["runs"][1]
    for part, field in (
        (run["run"], "bits_per_weight"),
        (run["beside"], "difference_points"),
        (run["run"]["metrics"]["acc_norm"], "correct"),
        (run["run"]["metrics"]["acc_norm"], "value"),
        (slow, "speed_ratio"),
    ):
        assert is_noticed(lambda: any(wrong_in_comparison(page, content)), part, field)


def test_runs_over_time(tmp_path: Path) -> None:
    right = [GOLD] * N_ITEMS
    runs = [
        Again([0, *right[1:]], tokens=100),
        Again([0, *right[1:]], "0.3.36", 0.5, tokens=150),
        Again(right, "0.3.36", 0.5, tokens=150),
        Again(right[:7], "0.3.37"),
    ]
    data, store = data_file(tmp_path), tmp_path / "a.db"
    add_runs(store, runs, **known_data(data))
    arguments = ["history", "--store", store, "--data", data, "--json", "--out", tmp_path / "p"]
    found = edgeval(*arguments)
    assert found.returncode == 0, found.stderr
    content, page = json.loads(found.stdout), page_of(tmp_path / "p" / "history.html")
    assert list(wrong_in_history(page, content)) == []
    run = content["measurements"][0]["runs"][1]
    for part, field in (
        (run, "n_items"),
        (run["accuracy"], "value"),
        (run["change"]["scores"], "mean_nats"),
        (run["change"]["scores"], "n_new_picks"),
        (run["speed"], "tokens_per_s"),
    ):
        assert is_noticed(lambda: any(wrong_in_history(page, content)), part, field)
