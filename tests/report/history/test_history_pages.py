"""Pages of a history: every number is the record's, and names of others are text."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import edgeval
from edgeval.cli.terminal.history import history_table
from edgeval.evaluation.history import history
from edgeval.records.history import History
from edgeval.report import formatting as fmt
from edgeval.report.history import sentences
from edgeval.report.history.charts import history_chart
from edgeval.report.history.pages import history_html, history_markdown
from edgeval.store.store import Store
from tests.helpers.histories import GOLD, N_ITEMS, Again, add_runs, data_file, known_data
from tests.helpers.pages import Page, tables
from tests.helpers.reports import HOSTILE
from tests.helpers.stores import open_run

RIGHT = [GOLD] * N_ITEMS
RUNS = [
    Again([0, *RIGHT[1:]], tokens=100),
    Again([0, *RIGHT[1:]], "0.3.36", 0.5, tokens=150),
    Again(RIGHT, "0.3.36", 0.5, tokens=150),
]


@pytest.fixture
def found(tmp_path: Path) -> History:
    data = data_file(tmp_path)
    add_runs(tmp_path / "a.db", RUNS, **known_data(data))
    return history(tmp_path / "a.db", data=data)


def script_free(html: str) -> str:
    """Return a page without what it runs and what that reads."""
    return re.sub(r"<script[^>]*>.*?</script>", "", html, flags=re.DOTALL)


def test_both_pages_say_what_the_terminal_says(found: History) -> None:
    page = Page(script_free(history_html(found)))
    assert page.values("lang") == ["en"]
    markdown = history_markdown(found)
    (measurement,) = found.measurements
    for text in (sentences.answer(found), sentences.sentence(measurement, found)):
        assert text in page.text
        assert text in markdown
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert set(page.values("aria-labelledby")) <= set(ids)


def test_rows_are_the_runs_of_the_record(found: History) -> None:
    rows = tables(history_markdown(found))[0]
    (measurement,) = found.measurements
    assert len(rows) == 3
    for row, run in zip(rows, measurement.runs, strict=True):
        assert row["run"] == str(run.number)
        assert run.accuracy is not None
        assert row["accuracy, %"] == fmt.accuracy(run.accuracy.value)
        if run.change is None:
            assert (row["new picks"], row["mean change"]) == ("\N{EN DASH}", "\N{EN DASH}")
            continue
        scores = run.change.scores
        assert row["new picks"] == str(scores.n_new_picks)
        assert row["lost / gained"] == f"{scores.lost} / {scores.gained}"
    assert rows[1]["what else changed"].startswith("llama-cpp-python 0.3.36, not")
    assert rows[2]["what else changed"] == "nothing: scored again"


def test_the_chart_draws_the_numbers_of_the_record(found: History) -> None:
    chart = history_chart(found)
    assert chart is not None
    assert [choice.label for choice in chart.choices] == [
        "accuracy",
        "new picks",
        "mean change",
        "largest change",
        "tokens/s",
    ]
    (measurement,) = found.measurements
    accuracies = chart.choices[0].spec["data"]["values"]
    assert [row["accuracy"] for row in accuracies] == [90.0, 90.0, 100.0]
    assert [row["label"] for row in accuracies] == ["0.3.35", "0.3.36", ""]
    times = [run.created_at.timestamp() * 1000 for run in measurement.runs]
    assert [row["at_ms"] for row in accuracies] == times
    assert [row["new_picks"] for row in chart.choices[1].spec["data"]["values"]] == [0, 1]
    assert [row["tokens_per_s"] for row in chart.choices[4].spec["data"]["values"]] == [50, 75, 75]


def test_what_was_measured_once_is_not_drawn(tmp_path: Path) -> None:
    once = history(add_runs(tmp_path / "a.db", [Again(RIGHT, tokens=100)]))
    assert history_chart(once) is None
    assert "there is nothing to compare" in Page(script_free(history_html(once))).text


def test_an_empty_store_has_pages(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store, open_run(store):
        pass
    found = history(tmp_path / "a.db")
    assert "The store has no run with scores." in Page(script_free(history_html(found))).text
    assert tables(history_markdown(found)) == []


def test_hostile_names_are_text(tmp_path: Path) -> None:
    runs = [Again(RIGHT), Again(RIGHT, f"0.3.36 {HOSTILE}", 0.5)]
    found = history(add_runs(tmp_path / "a.db", runs, file=f"\x1b[2J{HOSTILE}"))
    html = history_html(found)
    assert HOSTILE in Page(script_free(html)).text
    assert "alert(1)</script>" not in html
    assert "\x1b" not in html + history_markdown(found)
    assert not re.search(r"(?<!\\)<", history_markdown(found))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_the_terminal(width: int, found: History) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(history_table(found.measurements[0]))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any("100.00" in line for line in lines)


def test_a_notebook_shows_the_runs(found: History) -> None:
    assert isinstance(found, edgeval.History)
    shown = found._repr_html_()
    assert shown is not None
    assert shown.count("<tr>") == 4
    assert sentences.answer(found) in shown
    assert repr(found) == "<History: F16>"
