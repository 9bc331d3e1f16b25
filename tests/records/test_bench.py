"""Records of benchmarks: figures that follow from others, worked out by hand."""

from __future__ import annotations

import json

import pytest

from edgeval.records.bench import Bench, Scoring, Timing
from edgeval.records.sensors import MeanPower, Sustained, SustainedRate
from tests.helpers.benches import example_bench


def test_rates_are_means_of_repetitions_as_llama_bench_has_them() -> None:
    timing = Timing(n_prompt=512, n_generated=0, n_depth=0, threads=1, seconds=[2.0, 4.0])
    # 256 and 128 tokens a second: not 1,024 tokens in 6 seconds.
    assert timing.tokens_per_s == 192.0
    assert timing.deviation == pytest.approx(90.5097, abs=1e-4)
    scoring = Scoring(n_items=8, n_tokens=1480, threads=1, seconds=[2.0, 4.0])
    assert (scoring.items_per_s, scoring.deviation) == (3.0, pytest.approx(2**0.5))


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ((512, 0, 0), "pp512"),
        ((0, 128, 0), "tg128"),
        ((4096, 128, 0), "pp4096+tg128"),
        ((0, 64, 1024), "tg64 @ d1024"),
    ],
)
def test_names_are_llama_benchs(test: tuple[int, int, int], name: str) -> None:
    prompt, generated, depth = test
    timing = Timing(n_prompt=prompt, n_generated=generated, n_depth=depth, threads=1, seconds=[1.0])
    assert (timing.name, timing.deviation) == (name, 0.0)


def test_records_from_before_paths_were_told_are_read() -> None:
    older = example_bench().model_dump(mode="json")
    del older["files"][0]["kernel_paths"]
    assert Bench.model_validate_json(json.dumps(older)).files[0].kernel_paths == []


def sustained(*rates: tuple[float, float]) -> Sustained:
    found = [SustainedRate(at_s=at, tokens_per_s=each) for at, each in rates]
    return Sustained(n_prompt=512, threads=4, rates=found)


def test_heat_takes_a_fifth() -> None:
    # Ten minutes: 100 tokens/s at first, then 90, and 80 in the last quarter.
    rates = [(10.0 * at, 100.0 if at <= 3 else 90.0 if at < 45 else 80.0) for at in range(1, 61)]
    found = sustained(*rates)
    assert (found.duration_s, found.first, found.steady) == (600.0, 100.0, 80.0)
    assert found.lost == pytest.approx(0.2)
    assert -0.03 < found.slope < -0.01


def test_the_slope_is_a_share_of_the_first_speed_a_minute() -> None:
    found = sustained(*[(60.0 * at, 100.0 - 2.0 * at) for at in range(21)])
    assert found.first == pytest.approx((100 + 98) / 2)
    assert found.slope == pytest.approx(-2 / 99)


def test_one_test_loses_nothing() -> None:
    found = sustained((5.0, 42.0))
    assert (found.first, found.steady, found.lost, found.slope) == (42.0, 42.0, 0.0, 0.0)


def test_power_above_idle_is_known_only_with_idle() -> None:
    assert MeanPower(source="meter", watts=6.4).above_idle is None
    assert MeanPower(source="meter", watts=6.4, idle_watts=2.4).above_idle == pytest.approx(4.0)


def test_the_share_of_the_time_that_a_power_is_known_of_is_one() -> None:
    assert MeanPower(source="meter", watts=6.4).known_share is None
    with pytest.raises(ValueError, match="known_share"):
        MeanPower(source="meter", watts=6.4, known_share=1.01)
    with pytest.raises(ValueError, match="known_share"):
        MeanPower(source="meter", watts=6.4, known_share=0.0)
