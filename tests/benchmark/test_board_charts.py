"""Charts of boards: their numbers are the table's, and no two machines have one name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeval.benchmark.board_charts import board_chart, board_load_charts, load_sentences
from edgeval.benchmark.board_columns import answers, columns
from edgeval.benchmark.boards import BoardTable, board_tables
from edgeval.benchmark.columns import UNKNOWN
from edgeval.records.bench import Bench, Timing
from edgeval.records.sensors import Sensors
from edgeval.report.charts.chart import Chart
from tests.helpers.benches import board_bench, heated_load

PROMPT = {"n_prompt": 512, "n_generated": 0, "n_depth": 0, "threads": 4}
NOT_PUBLISHED = {"sha256": "cd" * 32, "n_params": 7}


def table_of(folder: Path, *benches: Bench) -> BoardTable:
    paths = [folder / f"{at}.json" for at in range(len(benches))]
    for path, bench in zip(paths, benches, strict=True):
        path.write_text(bench.model_dump_json(), encoding="utf-8")
    (table,) = board_tables(paths)
    return table


def rows_of(table: BoardTable, choice: str) -> list[dict[str, Any]]:
    """Return the bars of a choice."""
    chart = board_chart(table, 1)
    assert chart is not None
    (spec,) = [each.spec for each in chart.choices if each.label == choice]
    rows: list[dict[str, Any]] = spec["data"]["values"]
    return rows


def two(folder: Path, **more: Any) -> BoardTable:
    """Return a table of two machines, of one of which more is known."""
    hot = Sensors(sources=["vcgencmd"], hottest_c=85.4, gpu_hottest_c=60.0)
    first = board_bench("Mine", {"typed in": 6.4}, sensors=hot, sustained=heated_load(), **more)
    return table_of(folder, first, board_bench("Yours", scoring=None, **more))


def test_bars_are_the_numbers_of_the_table(tmp_path: Path) -> None:
    table = two(tmp_path, **NOT_PUBLISHED)
    chart = board_chart(table, 3)
    assert chart is not None
    assert chart.name == "boards-3"
    assert chart.description == "pp512, tokens/s: Mine: 128; Yours: 128."
    found = {each.label: rows_of(table, each.label) for each in chart.choices}
    values = {label: [row.get("value") for row in rows] for label, rows in found.items()}
    assert values == {
        "pp512": [128.0, 128.0],
        "tg128": [16.0, 16.0],
        "J/token": [pytest.approx(0.4), None],
        "watts": [6.4, None],
        "items/s": [0.5, None],
        "sustained": [pytest.approx(80.0), None],
        "hottest CPU": [85.4, None],
        "hottest GPU": [60.0, None],
    }
    for column in columns(table):
        for row, cell in zip(found.get(column.title, ()), column.cells, strict=False):
            assert cell.startswith(row["told"].split(" ")[0])
    assert [row["told"] for row in found["J/token"]] == ["0.400", UNKNOWN]
    assert [row["name"] for row in found["watts"]] == ["Mine, by typed in", "Yours"]


def test_repetitions_have_an_interval_and_one_has_none(tmp_path: Path) -> None:
    timings = [Timing(**PROMPT, seconds=[4.0, 5.0, 4.0])]
    table = table_of(
        tmp_path,
        board_bench("Often", timings=timings, **NOT_PUBLISHED),
        board_bench("Once", **NOT_PUBLISHED),
    )
    once, often = sorted(rows_of(table, "pp512"), key=lambda row: str(row["name"]) != "Once")
    # Rates of 128, 102.4 and 128 tokens/s: their deviation is 25.6 / sqrt(3).
    deviation = 25.6 / 3**0.5
    assert often["value"] == pytest.approx(358.4 / 3)
    assert (often["low"], often["high"]) == (
        pytest.approx(often["value"] - deviation),
        pytest.approx(often["value"] + deviation),
    )
    assert often["told"] == "119 ± 14.8"
    assert ("low" in once, once["told"]) == (False, "128")
    chart = board_chart(table, 1)
    assert chart is not None
    assert chart.title.endswith("; ± is the standard deviation of repetitions")


def test_published_machines_are_hollow_and_say_so(tmp_path: Path) -> None:
    table = table_of(tmp_path, board_bench("Mine"))
    rows = rows_of(table, "tg128")
    assert [row["kind"] for row in rows] == ["measured", *["published"] * (len(rows) - 1)]
    assert [row["name"].startswith("published: ") for row in rows] == [
        row["kind"] == "published" for row in rows
    ]
    assert len(rows) > 1


def test_one_machine_is_no_comparison(tmp_path: Path) -> None:
    table = table_of(tmp_path, board_bench("Mine", sustained=heated_load(), **NOT_PUBLISHED))
    assert board_chart(table, 1) is None
    assert len(board_load_charts(table, 1)) == 1


def test_paper_holds_all_bars_of_a_chart(tmp_path: Path) -> None:
    benches = [board_bench(f"Board {at}", **NOT_PUBLISHED) for at in range(30)]
    table = table_of(tmp_path, *benches)
    assert len(rows_of(table, "pp512")) == 20
    chart = board_chart(table, 1)
    assert chart is not None
    assert chart.title.endswith("the first 20 of 30")


def test_machines_of_one_name_have_two_in_charts(tmp_path: Path) -> None:
    alike = board_bench("Same", sustained=heated_load(), **NOT_PUBLISHED)
    table = table_of(tmp_path, alike, alike)
    assert [row["name"] for row in rows_of(table, "pp512")] == ["Same (0.json)", "Same (1.json)"]
    of_one_file = replace(table, rows=[table.rows[0], table.rows[0]])
    names = [row["name"] for row in rows_of(of_one_file, "pp512")]
    assert names == ["1. Same (0.json)", "2. Same (0.json)"]
    (chart,) = board_load_charts(of_one_file, 1)
    assert isinstance(chart, Chart)
    assert [each.partition(":")[0] for each in load_sentences(of_one_file)] == names


def test_a_speed_from_nearly_nothing_is_no_share(tmp_path: Path) -> None:
    load = heated_load()
    rates = [
        each.model_copy(update={"tokens_per_s": 1e15 if at else 5e-324})
        for at, each in enumerate(load.rates[-4:])
    ]
    odd = load.model_copy(update={"rates": rates})
    table = table_of(
        tmp_path,
        board_bench("A", sustained=odd, **NOT_PUBLISHED),
        board_bench("B", sustained=load, **NOT_PUBLISHED),
    )
    shares = {row["name"]: row.get("value") for row in rows_of(table, "sustained")}
    assert shares == {"A": None, "B": pytest.approx(80.0)}


def test_the_answer_is_who_is_fastest_coolest_and_takes_least(tmp_path: Path) -> None:
    def bench(cpu: str, watts: dict[str, float], hottest_c: float) -> Bench:
        sensors = Sensors(sources=["Linux"], hottest_c=hottest_c)
        return board_bench(cpu, watts, sensors=sensors, **NOT_PUBLISHED)

    frugal, cool = bench("Frugal", {"typed in": 6.4}, 85.0), bench("Cool", {"command": 8.0}, 60.0)
    assert list(answers(table_of(tmp_path, frugal, cool))) == [
        "Fastest: 16.0 tokens/s at tg128 (Frugal and Cool).",
        "Least energy: 0.400 J/token (Frugal).",
        "Coolest CPU: 60 °C (Cool).",
    ]
    # Of watts of unlike kinds there is no least; nor is there of what one alone tells.
    estimated = bench("Pi", {"estimated from the PMIC": 1.0}, 70.0)
    assert not any("energy" in each for each in answers(table_of(tmp_path, frugal, estimated)))
    unknown = board_bench("Bare", **NOT_PUBLISHED)
    assert list(answers(table_of(tmp_path, frugal, unknown))) == [
        "Fastest: 16.0 tokens/s at tg128 (Frugal and Bare)."
    ]
    assert list(answers(table_of(tmp_path, frugal))) == [
        "Speed: 16.0 tokens/s at tg128 (Frugal).",
        "Energy: 0.400 J/token (Frugal).",
        "Hottest CPU: 85 °C (Frugal).",
    ]
    assert list(answers(table_of(tmp_path, board_bench(timings=[], **NOT_PUBLISHED)))) == []
