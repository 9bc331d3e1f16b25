"""Charts of sustained loads: to scale, broken where nothing is known, and text is text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from edgeval.records.sensors import SensorSample, Sustained, SustainedRate
from edgeval.report import curves
from edgeval.report.charts.chart import Chart
from edgeval.report.charts.load import has_time, in_words, load_charts
from edgeval.report.charts.series import SHAPES
from edgeval.report.islands import chart_island
from tests.helpers.benches import heated_load, on_gpu

Layer = dict[str, Any]


def drawn(*loads: Sustained) -> Chart:
    """Return the one chart of some loads, of machines that are called A, B and so on."""
    (chart,) = load_charts({chr(ord("A") + at): load for at, load in enumerate(loads)}, "load")
    return chart


def marks(spec: Layer, data: list[Layer] | None = None) -> Iterator[Layer]:
    """Yield each layer that draws something, with the rows that it draws."""
    data = spec.get("data", {}).get("values", data)
    for layer in spec.get("layer", ()):
        yield from marks(layer, data)
    if "mark" in spec:
        yield spec | {"rows": data}


def panels(chart: Chart, choice: int = 0) -> dict[str, Layer]:
    """Return the lines of each panel by what is written above it."""
    found, heading = {}, ""
    for mark in marks(chart.choices[choice].spec):
        if mark["mark"]["type"] == "text":
            (row,) = mark["rows"]
            heading = row["title"]
        elif mark["mark"]["type"] == "line":
            found[heading] = mark
    return found


def of(machine: str, panel: Layer) -> list[tuple[float, float]]:
    """Return the points of a machine's line."""
    return [(row["at"], row["value"]) for row in panel["rows"] if row["series"] == machine]


def held(chart: Chart) -> list[tuple[str, float, float]]:
    """Return the bars of who was held back from when to when."""
    return [
        (row["series"], row["begin"], row["end"])
        for mark in marks(chart.choices[0].spec)
        if mark["mark"]["type"] == "bar"
        for row in mark["rows"]
    ]


def scale(panel: Layer, axis: str) -> Layer:
    found: Layer = panel["encoding"][axis]["scale"]
    return found


def test_speed_is_drawn_from_zero_and_heat_has_an_axis_of_its_own() -> None:
    load = heated_load()
    chart = drawn(load)
    speed, heat = panels(chart).values()
    assert list(panels(chart)) == ["tokens/s", "CPU °C"]
    assert of("A", speed) == [
        (pytest.approx(each.at_s / 60, rel=1e-5), each.tokens_per_s) for each in load.rates
    ]
    assert scale(speed, "y")["domain"] == [0.0, pytest.approx(105)]
    low, high = scale(heat, "y")["domain"]
    assert (low, high) == (pytest.approx(35.5), pytest.approx(89.5))
    assert all(low < value < high for _, value in of("A", heat))
    # Panels lie one below another, over the same time.
    (bottom, top), (heat_bottom, heat_top) = (scale(each, "y")["range"] for each in (speed, heat))
    assert top < bottom < heat_top < heat_bottom
    assert scale(speed, "x") == scale(heat, "x")
    assert scale(speed, "x")["domain"] == [0, 10.0]
    assert speed["encoding"]["x"]["axis"]["title"] == "minutes of load"


def test_times_of_held_clocks_are_bars_with_a_heading() -> None:
    chart = drawn(heated_load())
    assert held(chart) == [("A", 7.5, 10.0)]
    headings = [row["title"] for mark in marks(chart.choices[0].spec) for row in mark["rows"]
                if mark["mark"]["type"] == "text"]  # fmt: skip
    assert headings == ["clocks held back", "tokens/s", "CPU °C"]
    # Of a single machine, all panels are shaded meanwhile.
    (shade,) = [each for each in marks(chart.choices[0].spec) if each["mark"]["type"] == "rect"]
    assert [(row["begin"], row["end"]) for row in shade["rows"]] == [(7.5, 10.0)]
    cool = drawn(heated_load(throttled=()))
    assert held(cool) == []
    assert "held back" not in json.dumps(cool.choices[0].spec)


def test_clocks_that_are_held_back_again_and_again_are_few_bars() -> None:
    samples = [
        SensorSample(at_s=at / 10, throttled=["hot"] if at % 2 and at < 3000 else [])
        for at in range(6000)
    ]
    assert held(drawn(heated_load().model_copy(update={"samples": samples}))) == [
        ("A", pytest.approx(0.1 / 60, rel=1e-5), 5.0)
    ]


def test_machines_lie_over_each_other_and_are_told_apart_without_colours() -> None:
    fast = heated_load()
    slow = on_gpu(heated_load(throttled=()))
    rates = [
        each.model_copy(update={"tokens_per_s": each.tokens_per_s / 10}) for each in slow.rates
    ]
    chart = drawn(fast, slow.model_copy(update={"rates": rates}))
    assert list(panels(chart)) == ["tokens/s", "CPU °C", "GPU °C"]
    speed, cpu, gpu = panels(chart).values()
    assert [value for _, value in of("B", speed)] == [each.tokens_per_s for each in rates]
    assert len(of("A", cpu)) == len(of("B", cpu)) == 300
    assert (of("A", gpu), {value for _, value in of("B", gpu)}) == ([], {60.0, 71.0})
    assert held(chart) == [("A", 7.5, 10.0)]
    spec = chart.choices[0].spec
    assert not any(each["mark"]["type"] == "rect" for each in marks(spec))
    signs = [each for each in marks(spec) if "shape" in each["encoding"]]
    shapes = [each["encoding"]["shape"]["scale"] for each in signs]
    assert {tuple(each["domain"]) for each in shapes} == {("A", "B")}
    assert {tuple(each["range"]) for each in shapes} == {SHAPES[:2]}
    assert {row["series"] for each in signs for row in each["rows"]} == {"A", "B"}
    # What each loses is seen beside another that is ten times as fast.
    assert [each.label for each in chart.choices] == ["tokens/s", "% of the first speed"]
    shares = panels(chart, 1)["% of the first speed"]
    assert [value for _, value in of("A", shares)] == pytest.approx(
        [value for _, value in of("B", shares)]
    )
    assert of("B", shares)[-1][1] == pytest.approx(80.0)


def test_lines_are_broken_where_nothing_is_known() -> None:
    samples = [
        SensorSample(at_s=at, temperature_c=each)
        for at, each in ((0.0, 50.0), (1.0, 52.0), (20.0, 60.0), (21.0, 60.0))
    ]
    load = heated_load().model_copy(update={"samples": samples})
    heat = panels(drawn(load))["CPU °C"]
    assert [row["value"] for row in heat["rows"]] == [50.0, 52.0, 60.0, 60.0]
    assert [row["part"] for row in heat["rows"]] == [0, 0, 1, 1]
    assert heat["encoding"]["detail"]["field"] == "part"
    assert held(drawn(load)) == []


def test_without_a_thermometer_there_is_one_panel() -> None:
    load = heated_load().model_copy(update={"samples": []})
    chart = drawn(load)
    assert list(panels(chart)) == ["tokens/s"]
    assert "°C" not in chart.description
    assert "100 tokens/s at first and 80.0 in the last quarter" in chart.description


def test_words_say_what_is_drawn() -> None:
    load = on_gpu(heated_load())
    said = in_words("Board", load)
    assert said == (
        "Board: 512 tokens again and again for 10 min 00 s; 100 tokens/s at first and 80.0 in the "
        "last quarter; CPU up to 85 °C; GPU up to 71 °C; clocks held back for 2 min 30 s."
    )
    (chart,) = load_charts({"Board": load}, "load")
    assert chart.description == said
    assert "held back" not in in_words("Board", heated_load(throttled=()))


@pytest.mark.parametrize("count", [1, 2, 40_000])
def test_a_line_has_few_points_however_long_the_load_was(count: int) -> None:
    rates = [SustainedRate(at_s=at + 1.0, tokens_per_s=90.0) for at in range(count)]
    chart = drawn(Sustained(n_prompt=512, threads=1, rates=rates))
    assert len(panels(chart)["tokens/s"]["rows"]) == min(count, 300)


@pytest.mark.parametrize(
    "rates",
    [
        [(0.0, 5.0)],
        [(-1.0, 5.0)],
        [(1e15, 1e15)],
        [(5e-324, 5e-324)],
        [(9.0, 1.0), (1.0, 2.0)],
        [(1.0, 5e-324), (90.0, 1e15)],
    ],
)
def test_odd_loads_are_drawn_or_left_out(rates: list[tuple[float, float]]) -> None:
    made = [SustainedRate(at_s=at, tokens_per_s=each) for at, each in rates]
    load = Sustained(n_prompt=512, threads=1, rates=made)
    charts = load_charts({"A": load, "B": heated_load()}, "load")
    (chart,) = charts
    machines = {row["series"] for row in panels(chart)["tokens/s"]["rows"]}
    assert machines == ({"A", "B"} if rates[-1][0] >= 1e-3 else {"B"})
    assert has_time(load) == ("A" in machines)
    if has_time(load):
        assert len(of("A", panels(chart)["tokens/s"])) == len(curves.speeds(load))
    json.dumps([each.spec for each in chart.choices], allow_nan=False)


def test_no_two_machines_of_a_chart_have_one_sign() -> None:
    loads = {f"board {number}": heated_load() for number in range(len(SHAPES) + 1)}
    first, second = load_charts(loads, "load")
    assert first.name != second.name
    named = [
        {row["series"] for row in panels(each)["tokens/s"]["rows"]} for each in (first, second)
    ]
    assert [len(each) for each in named] == [len(SHAPES), 1]
    # Many lines have fewer points each, so that a page stays small.
    assert len(panels(first)["CPU °C"]["rows"]) <= 900
    assert named[0] | named[1] == set(loads)


def test_names_of_machines_are_text() -> None:
    name = "\u202e<script>alert(1)</script>"
    (chart,) = load_charts({name: heated_load()}, "load")
    island = str(chart_island(chart))
    assert "<script" not in island
    read = json.dumps(json.loads(island), ensure_ascii=False)
    assert "\u202e" not in read
    assert "<script>alert(1)</script>" in read
