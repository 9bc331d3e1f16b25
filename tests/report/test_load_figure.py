"""Figure of a sustained load: to scale, broken where nothing is known."""

from __future__ import annotations

import re

import pytest

from edgeval.records.sensors import SensorSample, Sustained, SustainedRate
from edgeval.report import curves
from edgeval.report.load_figure import Panel, load_figure
from edgeval.report.pages import template
from tests.helpers.benches import heated_load, on_gpu
from tests.helpers.pages import Page

POINT = re.compile(r"([ML])([\d.]+) ([\d.]+)")


def points(panel: Panel) -> list[tuple[str, float, float]]:
    return [(letter, float(x), float(y)) for letter, x, y in POINT.findall(panel.path)]


def test_speed_is_drawn_from_zero_and_time_is_even() -> None:
    drawn = load_figure(heated_load(), "a", "Board")
    assert drawn is not None
    speed, heat = drawn.panels
    height = speed.bottom - speed.top
    found = points(speed)
    assert len(found) == 60
    first, last = speed.bottom - found[0][2], speed.bottom - found[-1][2]
    assert last / first == pytest.approx(0.8, abs=0.002)
    assert first / height == pytest.approx(1 / 1.05, abs=0.002)
    assert (speed.last, heat.last) == ("80.0", "85")
    assert (found[-1][1], drawn.x_ticks[0]) == (drawn.right, (drawn.left, "0"))
    assert drawn.x_ticks[-1] == (drawn.right, "10")
    assert drawn.x_label == "minutes of load"
    # Held back from 450 s to the end: a quarter of the time.
    ((left, right),) = drawn.held
    assert right - left == pytest.approx((drawn.right - drawn.left) / 4, abs=0.2)


def test_heat_has_its_own_axis_and_gaps() -> None:
    samples = [
        SensorSample(at_s=at, temperature_c=each)
        for at, each in ((0.0, 50.0), (1.0, 52.0), (20.0, 60.0), (21.0, 60.0))
    ]
    load = heated_load().model_copy(update={"samples": samples})
    drawn = load_figure(load, "a", "Board")
    assert drawn is not None
    heat = drawn.panels[1]
    assert [letter for letter, _, _ in points(heat)] == ["M", "L", "M", "L"]
    (_, _, y_50), (_, _, y_52), (_, _, y_60), _ = points(heat)
    assert (y_50 - y_60) == pytest.approx(5 * (y_50 - y_52), abs=0.6)
    assert drawn.held == []


def test_without_a_thermometer_there_is_one_panel() -> None:
    drawn = load_figure(heated_load().model_copy(update={"samples": []}), "a", "Board")
    assert drawn is not None
    assert len(drawn.panels) == 1
    assert "°C" not in drawn.caption
    assert "100 tokens/s at first and 80.0 in the last quarter" in drawn.caption


def test_a_gpu_has_a_panel_of_its_own() -> None:
    drawn = load_figure(on_gpu(heated_load()), "a", "Board")
    assert drawn is not None
    assert [each.label for each in drawn.panels] == ["tokens/s", "CPU °C", "GPU °C"]
    speed, cpu, gpu = drawn.panels
    assert speed.bottom < cpu.top < cpu.bottom < gpu.top < gpu.bottom == drawn.bottom
    assert (cpu.last, gpu.last) == ("85", "71")
    assert "CPU up to 85 °C; GPU up to 71 °C" in drawn.caption


@pytest.mark.parametrize("count", [1, 2, 40_000])
def test_a_path_has_few_points_however_long_the_load_was(count: int) -> None:
    rates = [SustainedRate(at_s=at + 1.0, tokens_per_s=90.0) for at in range(count)]
    drawn = load_figure(Sustained(n_prompt=512, threads=1, rates=rates), "a", "Board")
    assert drawn is not None
    assert len(points(drawn.panels[0])) == min(count, 300)


@pytest.mark.parametrize(
    "rates",
    [[(0.0, 5.0)], [(-1.0, 5.0)], [(1e15, 1e15)], [(5e-324, 5e-324)], [(9.0, 1.0), (1.0, 2.0)]],
)
def test_odd_loads_are_drawn_or_left_out(rates: list[tuple[float, float]]) -> None:
    made = [SustainedRate(at_s=at, tokens_per_s=each) for at, each in rates]
    load = Sustained(n_prompt=512, threads=1, rates=made)
    drawn = load_figure(load, "a", "Board")
    assert (drawn is None) == (rates[-1][0] < 1e-3)
    assert drawn is None or len(curves.speeds(load)) == len(points(drawn.panels[0]))


def test_the_drawing_is_named_and_its_texts_are_text() -> None:
    drawn = load_figure(heated_load(), "a", "<script>alert(1)</script>")
    of_pages = template("boards.html.j2").environment
    svg = str(of_pages.get_template("load.svg.j2").module.plot(drawn))  # type: ignore[attr-defined]
    assert "<script" not in svg
    assert Page(svg).values("id") == ["a-title", "a-description"]
    assert svg.count('class="held"') == 2
