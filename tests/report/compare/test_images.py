"""Images of comparisons: what they show is in the records, and Markdown shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.report.charts.images import PNG, SVG, images
from edgeval.report.compare.charts import IMAGE_TITLE, types_image
from edgeval.report.compare.pages import compare_markdown, write_comparison
from edgeval.report.compare.tasks import ComparedTasks, compare_tasks
from edgeval.report.page_files import file_names
from tests.helpers.comparisons import machine, other_model, side_by_side, with_right
from tests.helpers.drawn import assert_on_one_scale, marks_of, rows_of
from tests.helpers.reports import HOSTILE
from tests.helpers.suites import TASKS, example_suite


def test_each_task_is_a_part_and_each_accuracy_is_the_records(tmp_path: Path) -> None:
    suites = {"Mine": example_suite(), "Yours": example_suite(n_items=400)}
    paths = [tmp_path / f"{name}.json" for name in suites]
    for path, suite in zip(paths, suites.values(), strict=True):
        path.write_text(suite.model_dump_json(), "utf-8")
    found = compare_tasks(paths).comparisons
    spec = types_image(found)
    assert spec is not None
    assert [part["title"]["text"].split(",")[0] for part in spec["vconcat"]] == list(TASKS)
    for at, part in enumerate(spec["vconcat"]):
        assert {(row["series"], row["type"]): row["accuracy"] for row in rows_of(part)} == {
            (name, run.label): pytest.approx(100 * run.metrics["acc_norm"].value)
            for name, suite in suites.items()
            for run in suite.reports[at].runs
        }
        # Those of all items of a split have no interval.
        assert {row["series"] for row in rows_of(part) if "accuracy_low" in row} == {"Yours"}


def test_of_nothing_or_of_too_many_marks_there_is_none() -> None:
    assert types_image([]) is None
    boards = [machine(f"Board {number}") for number in range(16)]
    assert types_image([side_by_side(*boards[:2])]) is not None
    assert types_image([side_by_side(*boards)]) is None


@pytest.mark.images
def test_each_mark_stands_where_its_accuracy_is_on_a_line_of_its_own() -> None:
    found = side_by_side(machine(), with_right(machine("Raspberry Pi 4 Model B"), 3, -40))
    spec = types_image([found])
    assert spec is not None
    (part,) = spec["vconcat"]
    (files,) = images([spec])
    text = files[SVG].decode()
    for word in (IMAGE_TITLE, "Q2_K", "Raspberry Pi 4 Model B", "accuracy, %"):
        assert f">{word}</text>" in text
    (places,) = marks_of(text)
    assert_on_one_scale([row["accuracy"] for row in rows_of(part)], [x for x, _ in places])
    assert len({y for _, y in places}) == len(places)


@pytest.mark.images
def test_markdown_shows_the_image_and_an_older_one_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    found = ComparedTasks([side_by_side(machine(), machine("Yours"))], [])
    assert write_comparison(found, folder, "compare") == file_names("compare")
    assert f"![{IMAGE_TITLE}](compare.svg)" in (folder / "compare.md").read_text("utf-8")
    assert (folder / f"compare{PNG}").read_bytes().startswith(b"\x89PNG")
    many = ComparedTasks([side_by_side(*(machine(f"Board {at}") for at in range(16)))], [])
    assert write_comparison(many, folder, "compare") == ["compare.html", "compare.md"]
    assert sorted(each.name for each in folder.iterdir()) == ["compare.html", "compare.md"]
    assert "![" not in compare_markdown(many)


@pytest.mark.images
def test_hostile_names_are_only_text_in_an_image() -> None:
    found = side_by_side(machine(HOSTILE), other_model(machine("Yours")))
    (files,) = images([types_image([found])])
    text = files[SVG].decode()
    assert "<script" not in text
    assert "\u202e" not in text
    assert "Yours" in text
