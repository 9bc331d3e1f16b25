"""Heat of samples: the highest temperatures, and held seconds that are worked out by hand."""

from __future__ import annotations

import pytest

from edgeval.sensors.heat import HeatSum, tells_heat
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sample


def told(*throttled: str, celsius: float | None = None) -> Reading:
    return Reading(temperature_c=celsius, throttled=throttled, tells_throttling=True)


def test_a_sample_stands_for_half_of_the_time_on_either_side() -> None:
    readings = [told(celsius=60.0), told("hot", celsius=84.0), told("hot", "weak"), told()]
    samples = [Sample(float(at), each) for at, each in enumerate(readings)]
    found = HeatSum()
    found.add(samples, 0.0, 3.0)
    assert (found.hottest_c, found.gpu_hottest_c) == (84.0, None)
    # From 0.5 to 2.5 s, and for the second reason from 1.5 s.
    assert (found.told_s, found.held_s) == (3.0, 2.0)
    assert found.reasons_s == {"hot": 2.0, "weak": 1.0}


def test_parts_are_added_and_what_lies_between_is_not() -> None:
    found = HeatSum()
    found.add([Sample(0.0, told(celsius=50.0)), Sample(1.0, told("hot"))], 0.0, 1.0)
    between = Sample(2.0, told("hot", celsius=99.0))
    samples = [between, Sample(3.0, told(celsius=70.0)), Sample(4.0, told())]
    found.add(samples, 3.0, 4.0)
    assert (found.hottest_c, found.told_s, found.held_s) == (70.0, 2.0, 0.5)


def test_gaps_and_silence_are_not_known() -> None:
    found = HeatSum()
    silent = Reading(temperature_c=50.0)
    samples = [Sample(0.0, told()), Sample(1.0, silent), Sample(9.0, told("hot"))]
    found.add(samples, 0.0, 9.0)
    # Half a second before the silence; what was in eight seconds nobody knows.
    assert (found.told_s, found.held_s) == (0.5, 0.0)


@pytest.mark.parametrize("celsius", [float("nan"), float("inf"), 1e9, -273.0])
def test_a_broken_sensor_tells_no_temperature(celsius: float) -> None:
    found = HeatSum()
    reading = Reading(temperature_c=celsius, gpu_temperature_c=celsius)
    found.add([Sample(0.0, reading), Sample(1.0, Reading(temperature_c=51.0))], 0.0, 1.0)
    assert (found.hottest_c, found.gpu_hottest_c) == (51.0, None)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading(), False),
        (Reading(clock_mhz=1500.0, fan_rpm=900.0, watts={"meter": 3.0}), False),
        (Reading(temperature_c=40.0), True),
        (Reading(gpu_temperature_c=40.0), True),
        (Reading(tells_throttling=True), True),
        (Reading(throttled=("under-voltage",)), True),
    ],
)
def test_which_sources_tell_heat(reading: Reading, expected: bool) -> None:
    assert tells_heat(reading) is expected


def test_one_source_that_would_tell_is_enough() -> None:
    assert Reading().beside(Reading(tells_throttling=True)).tells_throttling
    assert not Reading().beside(Reading(throttled=("under-voltage",))).tells_throttling
