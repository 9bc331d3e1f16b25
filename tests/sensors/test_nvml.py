"""GPUs by NVML: heat, clocks, fans, power and what holds clocks back, and nothing that is not told.

The answers are those that NVML's reference describes for a board with a fan beside one without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from edgeval.sensors.nvml import NVML, Nvml
from edgeval.sensors.reading import Reading

ANSWERS: dict[str, Sequence[int]] = {
    "nvmlDeviceGetPowerUsage": (120_500, 80_000),
    "nvmlDeviceGetTemperature": (71, 64),
    "nvmlDeviceGetClockInfo": (1980, 1755),
    "nvmlDeviceGetFanSpeed": (45, 30),
    "nvmlDeviceGetCurrentClocksEventReasons": (0x1, 0x44),
}
SM_CLOCK, ON_THE_CHIP = 1, 0
ASKED = {"nvmlDeviceGetTemperature": (ON_THE_CHIP,), "nvmlDeviceGetClockInfo": (SM_CLOCK,)}


class FakeNvml:
    """The part of the binding that is used, for two GPUs."""

    class NVMLError(Exception):
        pass

    def __init__(self, without: Sequence[tuple[str, int]] = (), **answers: Sequence[int]) -> None:
        """Take what each GPU answers by the function's name, and which answers are errors."""
        self.without, self.answers = set(without), {**ANSWERS, **answers}
        self.is_broken = False

    def nvmlInit(self) -> None:  # noqa: N802 - its own name
        if self.is_broken:
            raise self.NVMLError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, at: int) -> int:  # noqa: N802
        return at

    def __getattr__(self, name: str) -> Any:
        if name not in self.answers:
            raise AttributeError(name)

        def ask(at: int, *what: int) -> int:
            assert what == ASKED.get(name, ())
            if (name, at) in self.without:
                raise self.NVMLError
            return self.answers[name][at]

        return ask


def read(library: Any) -> Reading:
    return Nvml(library).opened().read()


def neither(*names: str) -> list[tuple[str, int]]:
    return [(name, at) for name in names for at in range(2)]


def test_power_is_added_and_of_the_rest_the_hottest_the_mean_and_the_fastest_are_told() -> None:
    assert read(FakeNvml()) == Reading(
        gpu_temperature_c=71,
        gpu_clock_mhz=1867.5,
        gpu_fan_share=0.45,
        throttled=("GPU power cap", "GPU hardware thermal slowdown"),
        tells_throttling=True,
        watts={NVML: 200.5},
    )


def test_nothing_of_a_gpu_is_a_figure_of_the_cpu() -> None:
    found = read(FakeNvml())
    assert (found.temperature_c, found.clock_mhz, found.fan_rpm) == (None, None, None)
    both = found.beside(Reading(temperature_c=50.0, clock_mhz=800.0, fan_rpm=900.0))
    assert (both.temperature_c, both.clock_mhz, both.fan_rpm) == (50.0, 800.0, 900.0)
    assert (both.gpu_temperature_c, both.gpu_clock_mhz, both.gpu_fan_share) == (71, 1867.5, 0.45)


def test_what_is_not_supported_is_not_there() -> None:
    """A board without a fan of its own, as a server's, answers with an error."""
    found = read(FakeNvml(neither("nvmlDeviceGetFanSpeed")))
    assert found.gpu_fan_share is None
    assert (found.gpu_temperature_c, found.gpu_clock_mhz) == (71, 1867.5)
    assert read(FakeNvml(neither(*ANSWERS))) == Reading()


def test_a_gpu_that_does_not_say_its_power_leaves_no_sum() -> None:
    found = read(FakeNvml([("nvmlDeviceGetPowerUsage", 1)]))
    assert found.watts == {}
    assert found.gpu_temperature_c == 71


def test_a_clock_of_zero_is_none() -> None:
    assert read(FakeNvml(nvmlDeviceGetClockInfo=(0, 1755))).gpu_clock_mhz == 1755
    assert read(FakeNvml(nvmlDeviceGetClockInfo=(0, 0))).gpu_clock_mhz is None


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (0x0, ()),
        (0x1 | 0x2 | 0x10 | 0x100, ()),
        (0x4, ("GPU power cap",)),
        (0x8 | 0x80, ("GPU hardware slowdown", "GPU power brake")),
        (0x20, ("GPU thermal slowdown",)),
        (0x48, ("GPU hardware slowdown", "GPU hardware thermal slowdown")),
    ],
)
def test_reasons_have_names_and_an_idle_gpu_is_not_held_back(
    bits: int, names: tuple[str, ...]
) -> None:
    found = read(FakeNvml(nvmlDeviceGetCurrentClocksEventReasons=(bits, 0)))
    assert found.throttled == names


@pytest.mark.parametrize("is_in_binding", [True, False], ids=["old driver", "old binding"])
def test_an_older_nvml_calls_the_reasons_otherwise(is_in_binding: bool) -> None:
    library = FakeNvml(nvmlDeviceGetCurrentClocksThrottleReasons=(0x20, 0))
    name = "nvmlDeviceGetCurrentClocksEventReasons"
    if is_in_binding:
        library.without |= set(neither(name))
    else:
        del library.answers[name]
    assert read(library).throttled == ("GPU thermal slowdown",)


def test_without_a_driver_or_a_binding_there_is_nothing() -> None:
    broken = FakeNvml()
    broken.is_broken = True
    assert read(broken) == Reading() == Nvml().read()


def test_a_gpu_that_is_lost_says_nothing_more() -> None:
    library = FakeNvml()
    source = Nvml(library).opened()
    assert source.read() != Reading()
    library.without |= set(neither(*ANSWERS))
    assert source.read() == Reading()
