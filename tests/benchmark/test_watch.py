"""Sensors beside a benchmark: power of each part, cooling, and a load over seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from edgeval.benchmark import watch as watching
from edgeval.benchmark.bench import bench
from edgeval.benchmark.formats import FORMATS
from edgeval.benchmark.options import BenchOptions, seconds
from edgeval.benchmark.watch import Span, Watch
from edgeval.errors import EdgevalError
from edgeval.sensors.linux import LinuxClocks, LinuxSensors
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sampler
from edgeval.system.progress import NoProgress
from tests.helpers import sensor_trees
from tests.helpers.sensor_trees import tree


class Meter:
    """Two watts for a while, then five."""

    name = "meter"

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._until: float | None = None

    def read(self) -> Reading:
        if self._until is None:
            self._until = time.monotonic() + self._idle_s
        watts = 2.0 if time.monotonic() < self._until else 5.0
        return Reading(temperature_c=50.0, throttled=("hot",), watts={"meter": watts})


def test_idle_power_is_measured_first_and_both_are_told(
    tiny_f16: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter(1.1)
    monkeypatch.setattr(watching, "IDLE_S", 1.0)
    monkeypatch.setattr(watching, "sources", lambda **_: [meter])
    monkeypatch.setattr(watching.Sampler, "__init__", _quick(Sampler.__init__))
    options = BenchOptions(
        prompts=(16,), generated=(4,), repetitions=2, scored_items=2, kernels="plain", threads=(1,),
        sustain_s=1.5,
    )  # fmt: skip
    found = bench(tiny_f16, options, progress=None)
    (file,) = found.files
    assert file.scoring is not None and file.sustained is not None
    parts = [*(each.power for each in file.timings), file.scoring.power, file.sustained.power]
    for power in parts:
        (only,) = power
        assert (only.source, only.watts) == ("meter", pytest.approx(5.0))
        assert only.idle_watts == pytest.approx(2.0, abs=0.3)
        assert only.known_share is not None and 0.5 <= only.known_share <= 1.0
    assert found.sensors.sources == ["meter"]
    assert (found.sensors.hottest_c, found.sensors.throttled) == (50.0, ["hot"])
    sustained = file.sustained
    assert 1.0 < sustained.duration_s < 10.0
    assert len(sustained.samples) > 5
    assert [each.at_s for each in sustained.rates] == sorted(each.at_s for each in sustained.rates)
    assert "Avg power consumption: 5.0 W (meter)" in FORMATS["md"](found)


def _quick(init: object) -> object:
    def quicker(self: Sampler, found: object) -> None:
        init(self, found, 0.05)  # type: ignore[operator]

    return quicker


def test_a_number_that_was_typed_in_is_not_idle_power(tiny_f16: Path) -> None:
    options = BenchOptions(
        prompts=(), generated=(2,), repetitions=1, scored_items=0, kernels="plain", watts=6.4
    )
    (timing,) = bench(tiny_f16, options, progress=None).files[0].timings
    typed = [each for each in timing.power if each.source == "typed in"]
    # A test that is shorter than the time between two samples may have none.
    assert all(each.watts == pytest.approx(6.4) and each.idle_watts is None for each in typed)


@pytest.mark.skipif(sys.platform == "win32", reason="another way of quoting")
def test_a_meter_that_says_nothing_is_refused_before_anything_is_timed(tiny_f16: Path) -> None:
    with pytest.raises(EdgevalError, match="--watts-command 'no-such-meter' printed no number"):
        bench(tiny_f16, BenchOptions(watts_command="no-such-meter"), progress=None)


def test_cooling_ends_when_it_is_cool(tmp_path: Path) -> None:
    root = tree(tmp_path, sensor_trees.PI_5)
    with Sampler([LinuxSensors(root)], 0.05) as sampler:
        sampler.first.wait()
        Watch(sampler).cool(60.0, NoProgress())
        zone = root / "sys/class/thermal/thermal_zone0/temp"
        chip = root / "sys/class/hwmon/hwmon0/temp1_input"
        for path in (zone, chip):
            path.write_text("39000\n")
        Watch(sampler).cool(40.0, NoProgress())
        assert sampler.samples[-1].reading.temperature_c == 39.0


def test_without_a_thermometer_nothing_is_waited_for(tmp_path: Path) -> None:
    with Sampler([LinuxSensors(tmp_path)], 0.05) as sampler:
        sampler.first.wait()
        with pytest.raises(EdgevalError, match="no sensor tells a temperature"):
            Watch(sampler).cool(40.0, NoProgress())


class Gpu:
    """A GPU that cools by 10 °C whenever it is read."""

    name = "GPU"

    def __init__(self) -> None:
        self._celsius = 80.0

    def read(self) -> Reading:
        self._celsius = max(40.0, self._celsius - 10)
        return Reading(gpu_temperature_c=self._celsius, gpu_clock_mhz=1980.0, gpu_fan_share=0.45)


def test_a_gpu_is_waited_for_and_told_apart(tmp_path: Path) -> None:
    root = tree(tmp_path, sensor_trees.PI_5)
    with Sampler([LinuxSensors(root), LinuxClocks(root), Gpu()], 0.05) as sampler:
        sampler.first.wait()
        watch = Watch(sampler)
        # The CPU has 54.8 °C all the time.
        watch.cool(55.0, NoProgress())
        assert sampler.samples[-1].reading.gpu_temperature_c == 40.0
    found = watch.summary()
    assert (found.start_c, found.hottest_c) == (54.8, 54.8)
    # It was read once before, to see whether it says anything.
    assert (found.gpu_start_c, found.gpu_hottest_c) == (60.0, 60.0)
    last = watch.samples(Span(0.0, sampler.samples[-1].at_s))[-1]
    assert (last.temperature_c, last.clock_mhz, last.fan_rpm) == (54.8, 2400.0, 3412.0)
    assert (last.gpu_temperature_c, last.gpu_clock_mhz, last.gpu_fan_share) == (40.0, 1980.0, 0.45)


def test_samples_are_of_their_part(tmp_path: Path) -> None:
    with Sampler([LinuxSensors(tree(tmp_path, sensor_trees.PI_4))], 0.05) as sampler:
        time.sleep(0.5)
    middle = [sample.at_s for sample in sampler.samples][2:6]
    found = Watch(sampler).samples(Span(middle[0], middle[-1]))
    assert [each.at_s for each in found] == [pytest.approx(at - middle[0]) for at in middle]
    assert all(each.throttled == ["under-voltage"] for each in found)


@pytest.mark.parametrize(
    ("text", "found"), [("90s", 90.0), ("10m", 600.0), ("1h", 3600.0), ("1.5 M", 90.0)]
)
def test_times_are_understood(text: str, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "nanm", "2 weeks", "25h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(EdgevalError, match="is no time up to a day"):
        seconds(text)


def test_cooling_is_for_a_load() -> None:
    with pytest.raises(EdgevalError, match="--cool-to is waited for before --sustain"):
        BenchOptions(cool_to_c=50.0)


def test_what_may_not_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shown(NoProgress):
        said: list[str] = []  # noqa: RUF012 - of this test alone

        def log(self, text: str) -> None:
            self.said.append(text)

    monkeypatch.setattr(watching, "withheld", lambda: ["for root only"])
    monkeypatch.setattr(watching, "sources", lambda **_: [])
    shown = Shown()
    with Watch.over(BenchOptions(), shown):
        assert shown.said == ["for root only"]
