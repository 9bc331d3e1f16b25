"""Efficiency: joules, heat and what a load leaves, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from edgeval.benchmark.efficiency import Efficiency, efficiency, fastest
from edgeval.records.bench import Bench, Timing
from edgeval.records.sensors import MeanPower, Sensors
from tests.helpers.benches import board_bench, heated_load, on_gpu


def of(bench: Bench, at: int = 0, **given: Any) -> Efficiency:
    return efficiency(bench, bench.files[at], **given)


def test_energy_is_power_over_speed() -> None:
    found = of(board_bench(watts={"typed in": 6.4}))
    # 6.4 W at 16 tokens/s; 0.5 items/s at 8 W.
    assert (found.watts, found.source) == (6.4, "typed in")
    assert found.joules_per_token == pytest.approx(0.4)
    assert found.tokens_per_joule == pytest.approx(2.5)
    assert found.items_per_joule == pytest.approx(0.0625)


def test_one_source_is_of_all_figures_and_a_meter_comes_first() -> None:
    found = of(board_bench(watts={"typed in": 6.4, "estimated from the PMIC": 4.0}))
    assert found.source == "typed in"
    bench = board_bench(watts={"typed in": 6.4})
    (file,) = bench.files
    assert file.scoring is not None
    other = [MeanPower(source="battery", watts=8.0)]
    scoring = file.scoring.model_copy(update={"power": other})
    mixed = board_bench(watts={"typed in": 6.4}, scoring=scoring)
    # Items by another source stand beside no figure of this one.
    assert of(mixed).items_per_joule is None
    only = of(board_bench(scoring=scoring))
    assert (only.watts, only.source, only.joules_per_token) == (None, "battery", None)
    assert only.items_per_joule == pytest.approx(0.0625)


def test_the_power_is_that_of_the_fastest_threads() -> None:
    slow, fast = (
        Timing(
            n_prompt=0,
            n_generated=128,
            n_depth=0,
            threads=threads,
            seconds=[seconds],
            power=[MeanPower(source="typed in", watts=watts)],
        )
        for threads, seconds, watts in ((1, 16.0, 2.0), (4, 8.0, 4.0))
    )
    bench = board_bench(timings=[slow, fast])
    assert fastest(bench.files[0])["tg128"].threads == 4
    assert of(bench).joules_per_token == pytest.approx(0.25)


@pytest.mark.parametrize("watts", [0.0, -3.0, 1e-9])
def test_no_power_is_no_figure(watts: float) -> None:
    assert of(board_bench(watts={"command": watts})) == Efficiency()


def test_a_record_without_any_sensor_says_nothing() -> None:
    assert of(board_bench()) == Efficiency()


def test_what_a_load_leaves_is_a_share_and_heat_is_the_highest() -> None:
    sensors = Sensors(sources=["Linux"], hottest_c=86.5, throttled=["hot"])
    found = of(board_bench(sensors=sensors, sustained=heated_load()))
    assert found.sustained_share == pytest.approx(0.8)
    assert (found.hottest_c, found.throttled) == (86.5, ["hot"])


def test_of_several_files_only_a_load_of_their_own_tells_heat() -> None:
    sensors = Sensors(sources=["Linux"], hottest_c=90.0, throttled=["other"])
    bench = board_bench(sensors=sensors, sustained=heated_load())
    two = bench.model_copy(update={"files": [*bench.files, *board_bench().files]})
    assert (of(two).hottest_c, of(two).throttled) == (85.0, ["hot"])
    assert (of(two, 1).hottest_c, of(two, 1).throttled) == (None, None)


def test_heat_of_a_gpu_is_no_heat_of_the_cpu() -> None:
    sensors = Sensors(sources=["NVML, GPUs"], gpu_hottest_c=72.0)
    bench = board_bench(sensors=sensors, sustained=on_gpu(heated_load()))
    assert (of(bench).hottest_c, of(bench).gpu_hottest_c) == (None, 72.0)
    two = bench.model_copy(update={"files": [*bench.files, *board_bench().files]})
    assert (of(two).hottest_c, of(two).gpu_hottest_c) == (85.0, 71.0)


@pytest.mark.parametrize(
    ("sources", "found"), [(["Linux", "vcgencmd"], []), (["Linux"], None), ([], None)]
)
def test_that_nothing_throttled_is_known_where_somebody_looks(
    sources: list[str], found: list[str] | None
) -> None:
    assert of(board_bench(sensors=Sensors(sources=sources))).throttled == found
