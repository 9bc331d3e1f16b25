"""Pages of a comparison: a leaderboard of all runs, charts, and the same refusals as elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgeval.records import Report
from edgeval.records.comparison import Comparison
from edgeval.report import formatting as fmt
from edgeval.report.compare.charts import size_chart, speed_chart
from edgeval.report.compare.compare import compare_records
from edgeval.report.compare.leaderboard import leaderboard, standings
from edgeval.report.compare.overview import answer, held
from edgeval.report.compare.pages import compare_html, compare_markdown
from edgeval.report.compare.sentences import alarms, sentences
from edgeval.report.compare.tasks import ComparedTasks, compare_tasks
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.comparisons import (
    HERE,
    N_ITEMS,
    OTHER_SHA256,
    THERE,
    TYPES,
    changed,
    evaluation,
    here,
    machine,
    other_model,
    protocol,
    side_by_side,
    with_right,
    with_run,
)
from tests.helpers.pages import Page, tables
from tests.helpers.reports import HOSTILE, example_report, failed_report, stopped_report
from tests.helpers.suites import TASKS, example_suite

FIRST = next(iter(TASKS))


def other_files(record: Report) -> Report:
    """Return another model's report: none of its files is the first one's."""
    runs = [changed(run, sha256=f"{at:064x}") for at, run in enumerate(record.runs)]
    return changed(other_model(record), runs=runs)


def only(found: Comparison) -> ComparedTasks:
    return ComparedTasks([found], [])


def script_free(html: str) -> str:
    """Return a page without what it runs and what that reads."""
    return re.sub(r"<script[^>]*>.*?</script>", "", html, flags=re.DOTALL)


def rows_of(found: Comparison) -> list[dict[str, str]]:
    table = leaderboard([found])
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def test_every_run_has_a_row_and_the_best_is_first() -> None:
    found = side_by_side(machine(), other_files(machine("Apple M2")))
    rows = rows_of(found)
    assert len(rows) == 3 * len(TYPES)
    values = [float(row["accuracy, %"]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert {row["record"] for row in rows} == {HERE, THERE, "Apple M2"}
    (here_f16,) = [row for row in rows if row["type"] == "F16" and row["record"] == HERE]
    metric = found.types[0].runs[0].run.metrics["acc_norm"]  # type: ignore[union-attr]
    assert here_f16["accuracy, %"] == f"{100 * metric.correct / metric.total:.2f}"
    assert here_f16["items"] == f"{N_ITEMS:,}"
    assert here_f16["right, beside the first"] == "is the first"


def test_what_is_refused_is_said_as_in_the_terminal() -> None:
    found = side_by_side(protocol(shots=5)(machine()), other_files(machine("Apple M2")))
    by_record = {row["record"]: row["right, beside the first"] for row in rows_of(found)}
    assert by_record[THERE] == "not compared: other number of shots (5, not 0)"
    assert by_record["Apple M2"] == "not compared: other model"
    for page in (Page(script_free(compare_html(only(found)))).text, compare_markdown(only(found))):
        for sentence in sentences(found):
            assert sentence in page
    assert answer([found]) == "No run is the same measurement as one of the first record."
    assert held([found]).endswith("16 runs not compared")


def test_accuracies_of_other_questions_stand_apart() -> None:
    found = side_by_side(protocol(shots=5)(machine()))
    asked = [each.asked for each in standings([found])]
    assert asked == sorted(asked, key=list(dict.fromkeys(asked)).index)
    assert len(set(asked)) == 2
    chart = size_chart([found])
    assert chart is not None
    # Two questions; accuracy and difference; size and bits.
    assert len(chart.choices) == 8
    for choice in chart.choices:
        assert len({row["series"] for row in choice.spec["data"]["values"]}) == 1


def test_a_count_that_differs_is_an_alarm_on_both_pages() -> None:
    found = side_by_side(with_right(machine(), 4, -20))
    (alarm,) = [each for each in alarms(found) if "DIFFERS" in each]
    html = Page(script_free(compare_html(only(found))))
    assert alarm in html.text
    assert f"**{alarm}**" in compare_markdown(only(found))
    assert ("p", "role", "alert") in html.attributes
    assert answer([found]).startswith("1 run of 8 differs by more than rounding")


def test_charts_hold_the_numbers_of_the_record() -> None:
    found = side_by_side(machine())
    chart = size_chart([found])
    assert chart is not None
    assert [choice.label for choice in chart.choices] == [
        "accuracy against file size",
        "accuracy against bits per weight",
        "difference against file size",
        "difference against bits per weight",
    ]
    drawn = {(row["series"], row["type"]): row for row in chart.choices[0].spec["data"]["values"]}
    for row in found.types:
        for label, run in zip((HERE, THERE), row.runs, strict=True):
            assert run is not None
            metric = run.run.metrics["acc_norm"]
            point = drawn[label, row.name]
            assert point["accuracy"] == 100 * metric.value
            assert point["accuracy_low"] == 100 * metric.split_interval.low
            assert point["mebibytes"] == run.run.file_bytes / 2**20
    speeds = speed_chart([found])
    assert speeds is not None
    assert all("tokens_per_s" in row for row in speeds.choices[0].spec["data"]["values"])


def test_what_is_not_known_is_neither_drawn_nor_zero() -> None:
    slow = [changed(run, speed=None) for run in machine().runs]
    first = changed(here(), runs=[changed(run, speed=None) for run in here().runs])
    found = compare_records([first, changed(machine(), runs=slow)], [Path("a"), Path("b")])
    assert speed_chart([found]) is None
    assert {row["tokens/s"] for row in rows_of(found)} == {"\N{EN DASH}"}
    alone = evaluation(stopped_report())
    rows = rows_of(compare_records([alone, alone], [Path("a"), Path("b")]))
    weighted = [row for row in rows if row["accuracy, %"] == "\N{EN DASH}"]
    assert {row["type"] for row in weighted} == {each.label for each in stopped_report().drift}


def test_a_type_has_the_accuracy_that_its_own_report_shows() -> None:
    record = stopped_report()
    rows = rows_of(compare_records([record, record], [Path("a"), Path("b")]))
    for drift in record.drift:
        known = drift.split_accuracy
        assert known is not None
        shown = [row for row in rows if row["type"] == drift.label]
        assert {row["accuracy, %"] for row in shown} == {fmt.accuracy(known.value)}
        assert {row["interval"] for row in shown} == {fmt.accuracy_interval(known.interval)}


def test_failed_types_have_rows() -> None:
    found = compare_records([example_report(), failed_report("Q2_K")], [Path("a"), Path("b")])
    (row,) = [each for each in rows_of(found) if each["accuracy, %"] == "failed"]
    assert (row["type"], row["record"], row["size"]) == ("Q2_K", "b", "\N{EN DASH}")


def test_hostile_names_are_text() -> None:
    record = with_run(machine(HOSTILE), 1, file=HOSTILE, sha256=OTHER_SHA256)
    record = changed(record, model=changed(record.model, title=HOSTILE, fingerprint="00"))
    found = only(side_by_side(record))
    html = compare_html(found)
    page = Page(script_free(html))
    assert HOSTILE in page.text
    assert "alert(1)</script>" not in html
    assert len(re.findall(r"<script\b", html)) == 4  # Two charts, the library, the page's own.
    markdown = compare_markdown(found)
    assert not re.search(r"(?<!\\)<", markdown)
    assert [row["model"] for row in tables(markdown)[0]].count(HOSTILE.replace("\\", "")) == 8


@pytest.mark.process
def test_the_command_writes_both_pages(tmp_path: Path) -> None:
    paths = []
    for name, record in {"a": here(), "b": other_files(machine())}.items():
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(record.model_dump_json(), encoding="utf-8")
    out = tmp_path / "out"
    done = edgeval("compare", *paths, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{out}: compare.html, compare.md"
    assert (out / "compare.md").read_text("utf-8").startswith("# Records side by side\n")
    again = edgeval("compare", *paths, "--out", out)
    assert_one_sentence(again, ["compare.html exists already", "--overwrite"])
    alone = edgeval("compare", *paths)
    assert (alone.returncode, "nothing could be compared" in alone.stderr) == (1, True)
    printed = edgeval("compare", *paths, "--out", out, "--overwrite", "--json")
    assert Comparison.model_validate_json(printed.stdout).machines[1].label == THERE


@pytest.mark.process
def test_records_of_several_tasks_are_compared_task_by_task(tmp_path: Path) -> None:
    suite = example_suite()
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(suite.model_dump_json(), encoding="utf-8")
    one = tmp_path / "one.json"
    one.write_text(evaluation(suite.reports[0]).model_dump_json(), encoding="utf-8")
    found = compare_tasks([tmp_path / "a.json", tmp_path / "b.json"])
    assert [each.machines[0].data.task for each in found.comparisons] == list(TASKS)
    assert found.left_out == ""
    both = compare_tasks([tmp_path / "a.json", one])
    assert [each.machines[0].data.task for each in both.comparisons] == [FIRST]
    assert both.lone_tasks == list(TASKS)[1:]
    assert "one record alone, and not compared" in both.left_out
    assert both.left_out in compare_markdown(both)
    refused = edgeval("compare", tmp_path / "a.json", tmp_path / "b.json", "--json")
    assert_one_sentence(refused, ["several tasks", "--task"])
    printed = edgeval("compare", tmp_path / "a.json", one, "--json")
    assert json.loads(printed.stdout)["machines"][0]["data"]["task"] == FIRST
