"""Samples and energy: a fixed grid, gaps that are told, and numbers worked out by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeval.sensors.energy import mean_power
from edgeval.sensors.linux import LinuxClocks, LinuxSensors
from edgeval.sensors.power import RAPL, Battery, Rapl
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sample, Sampler, of_machine, read_all, sources
from tests.helpers import sensor_trees
from tests.helpers.sensor_trees import tree


def watts(*values: tuple[float, float]) -> list[Sample]:
    return [Sample(at, Reading(watts={"meter": each})) for at, each in values]


def test_power_between_samples_changes_evenly() -> None:
    samples = watts((0.0, 4.0), (1.0, 6.0), (2.0, 6.0))
    (whole,) = mean_power(samples, 0.0, 2.0)
    # (4 + 6) / 2 for a second, and 6 for another.
    assert (whole.source, whole.watts, whole.known_s) == ("meter", pytest.approx(5.5), 2.0)
    (part,) = mean_power(samples, 0.5, 1.0)
    assert part.watts == pytest.approx(5.5)


def test_a_gap_is_not_known_and_more_than_half_of_one_is_nothing() -> None:
    samples = watts((0.0, 4.0), (1.0, 4.0), (2.0, 4.0), (3.0, 4.0), (9.0, 100.0), (10.0, 100.0))
    (found,) = mean_power(samples, 0.0, 5.0)
    assert (found.watts, found.known_s) == (4.0, 3.0)
    assert mean_power(samples, 0.0, 9.0) == []
    assert mean_power([], 0.0, 1.0) == []


def test_a_counter_that_begins_again_is_counted_on(tmp_path: Path) -> None:
    """2 J, then 3 J over the end of the counter's range, then 5 J, each in a second."""
    root, samples = tree(tmp_path, sensor_trees.N100), []
    rapl = Rapl(root)
    counter = root / "sys/class/powercap/intel-rapl:0/energy_uj"
    begin, most = 262_140_000_000, 262_143_328_850
    energies = [begin, begin + 2_000_000, begin + 5_000_000 - most, begin + 10_000_000 - most]
    # The wall clock jumps by hours meanwhile, and is never asked.
    for second, energy in enumerate(energies):
        counter.write_text(f"{energy}\n")
        samples.append(Sample(100.0 + second, rapl.read()))
    (whole,) = mean_power(samples, 100.0, 103.0)
    assert whole.watts == pytest.approx(10 / 3)
    (middle,) = mean_power(samples, 101.0, 102.0)
    assert middle.watts == pytest.approx(3.0)


def test_each_source_has_its_own_figure() -> None:
    both = [Sample(at, Reading(watts={"typed in": 6.4}, joules={"RAPL": 2 * at})) for at in (0, 1)]
    found = {each.source: each.watts for each in mean_power(both, 0.0, 1.0)}
    assert found == {"RAPL": 2.0, "typed in": pytest.approx(6.4)}


def test_what_is_listed_first_stays_first_and_a_meter_before_a_counter() -> None:
    meter, chip = Reading(watts={"typed in": 6.4}), Reading(watts={"INA219": 5.0, "typed in": 9.0})
    both = Reading(joules={"RAPL": 2.0}).beside(meter).beside(chip)
    assert list(both.watts.items()) == [("typed in", 6.4), ("INA219", 5.0)]
    found = mean_power([Sample(0.0, both), Sample(1.0, both)], 0.0, 1.0)
    assert [each.source for each in found] == ["typed in", "INA219", "RAPL"]


def test_no_sample_is_lost_while_all_cores_compute(tmp_path: Path) -> None:
    """As in a benchmark: what computes is another process, and takes all cores."""
    root, period_s = tree(tmp_path, sensor_trees.RYZEN_LAPTOP), 0.2
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        with Sampler([LinuxSensors(root), LinuxClocks(root), Rapl(root)], period_s) as sampler:
            time.sleep(4.0)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert sampler.n_missed <= 1
    assert len(sampler.samples) + sampler.n_missed == pytest.approx(4.0 / period_s, abs=2)
    # A grid does not drift: the last is as many periods after the first as there are.
    whole = sampler.samples[-1].at_s - sampler.samples[0].at_s
    n_periods = len(sampler.samples) + sampler.n_missed - 1
    assert whole / period_s == pytest.approx(n_periods, abs=0.9)


def test_a_sampler_takes_little_of_a_core(tmp_path: Path) -> None:
    root = tree(tmp_path, sensor_trees.RYZEN_LAPTOP)
    with Sampler([LinuxSensors(root), LinuxClocks(root), Rapl(root)], 0.1) as sampler:
        time.sleep(2.0)
    # At one reading a second a tenth of this share.
    assert sampler.cpu_s / 2.0 < 0.1
    assert len(sampler.samples) >= 15


def test_slow_sources_lose_moments_that_are_counted() -> None:
    class Slow:
        name = "slow"

        def read(self) -> Reading:
            time.sleep(0.12)
            return Reading(temperature_c=1.0)

    with Sampler([Slow()], 0.05) as sampler:
        time.sleep(1.0)
    assert sampler.n_missed >= len(sampler.samples)


def wait_for(sampler: Sampler, count: int) -> None:
    """Wait until so many samples are there, however busy the machine is."""
    due = time.monotonic() + 60
    while len(sampler.samples) < count and time.monotonic() < due:
        time.sleep(0.01)


class Pulled:
    """A meter that is pulled out after some readings: its driver fails as nobody foresaw."""

    name = "meter"

    def __init__(self, error: Exception) -> None:
        self.error, self.n_left = error, 3

    def read(self) -> Reading:
        self.n_left -= 1
        if self.n_left < 0:
            raise self.error
        return Reading(temperature_c=50.0, watts={"meter": 4.0})


@pytest.mark.parametrize("error", [OSError(19, "no such device"), RuntimeError("gone")])
def test_a_source_that_goes_away_ends_nothing_and_is_told(error: Exception, tmp_path: Path) -> None:
    root = tree(tmp_path, sensor_trees.PI_5)
    for chip in root.glob("sys/class/*/*/temp*"):
        chip.unlink()
    with Sampler([Pulled(error), LinuxSensors(root), LinuxClocks(root)], 0.02) as sampler:
        wait_for(sampler, 10)
    # One reading to see that it is there, and two in the thread.
    assert [each.reading.watts for each in sampler.samples[:3]] == [{"meter": 4.0}] * 2 + [{}]
    assert sampler.samples[-1].reading.clock_mhz == 2400
    assert sampler.lost() == ["the CPU's temperature", "power by meter"]


def test_a_file_that_goes_away_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, sensor_trees.N100)
    with Sampler([LinuxSensors(root), Rapl(root)], 0.02) as sampler:
        wait_for(sampler, 10)
        assert sampler.lost() == []
        shutil.rmtree(root / "sys/class/powercap")
        wait_for(sampler, len(sampler.samples) + 7)
    assert sampler.lost() == [f"power by {RAPL}"]
    assert mean_power(sampler.samples, sampler.samples[0].at_s, sampler.samples[1].at_s) != []


def test_one_late_answer_is_no_loss() -> None:
    class Halting:
        name = "halting"
        n = 0

        def read(self) -> Reading:
            self.n += 1
            return Reading(fan_rpm=900.0) if self.n % 3 else Reading()

    with Sampler([Halting()], 0.02) as sampler:
        wait_for(sampler, 10)
    assert any(each.reading.fan_rpm is None for each in sampler.samples)
    assert sampler.lost() == []


def test_a_source_that_says_nothing_at_first_is_not_read_later(tmp_path: Path) -> None:
    """A battery tells its power once the charger is pulled: the idle power before is unknown."""
    supply = tree(tmp_path, sensor_trees.RYZEN_LAPTOP) / "sys/class/power_supply/BAT0"
    (supply / "status").write_text("Charging\n")
    with Sampler([LinuxSensors(tmp_path), Battery(tmp_path)], 0.02) as sampler:
        (supply / "status").write_text("Discharging\n")
        wait_for(sampler, len(sampler.samples) + 7)
    assert sampler.names == ["Linux"]
    assert all(each.reading.watts == {} for each in sampler.samples)


def test_without_sensors_nothing_is_said(tmp_path: Path) -> None:
    with Sampler([LinuxSensors(tmp_path)], 0.05) as sampler:
        time.sleep(0.2)
    assert all(sample.reading == Reading() for sample in sampler.samples)
    assert mean_power(sampler.samples, 0.0, 1e9) == []


def test_the_sources_of_this_machine_can_be_read() -> None:
    found = read_all([*sources(watts=6.4), *of_machine()])
    assert found.watts["typed in"] == 6.4
