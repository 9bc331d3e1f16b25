"""Curves of a sustained load: means of parts, and when clocks were held back."""

from __future__ import annotations

import pytest

from edgeval.records.sensors import SensorSample, Sustained, SustainedRate
from edgeval.report import curves


def load(*samples: SensorSample, end_s: float = 60.0) -> Sustained:
    rates = [SustainedRate(at_s=end_s, tokens_per_s=50.0)]
    return Sustained(n_prompt=512, threads=1, rates=rates, samples=list(samples))


def test_parts_have_the_means_of_what_is_in_them() -> None:
    curve = [(0.0, 10.0), (1.0, 20.0), (3.0, 40.0), (4.0, 60.0)]
    assert curves.means(curve, 4.0, 4) == [(0.0, 10.0), (1.0, 20.0), None, (3.5, 50.0)]
    assert curves.thinned(curve, 4.0, 4) == curve
    assert curves.thinned(curve, 4.0, 2) == [(0.5, 15.0), (3.5, 50.0)]


def test_what_is_outside_of_the_load_or_unknown_is_left_out() -> None:
    found = load(
        SensorSample(at_s=2.0, temperature_c=50.0),
        SensorSample(at_s=-1.0, temperature_c=10.0),
        SensorSample(at_s=1.0, temperature_c=45.0),
        SensorSample(at_s=3.0),
        SensorSample(at_s=61.0, temperature_c=99.0),
    )
    assert curves.temperatures(found) == {"CPU": [(1.0, 45.0), (2.0, 50.0)]}
    assert curves.temperatures(load()) == {}
    assert curves.sensed(found, "gpu_clock_mhz") == []


def test_clocks_are_held_back_from_one_sample_to_the_next() -> None:
    found = [
        SensorSample(at_s=at, throttled=["hot"] if is_held else [])
        for at, is_held in ((1.0, True), (2.0, True), (3.0, False), (10.0, True), (30.0, False))
    ]
    # Nobody knows of the time behind a sample that the next one is far from.
    assert curves.held_back(load(*found)) == [(1.0, 3.0), (10.0, 10.0 + curves.GAP_S)]
    assert curves.held_back(load()) == []
    last = SensorSample(at_s=59.0, throttled=["hot"])
    assert curves.held_back(load(last)) == [(59.0, pytest.approx(60.0))]
