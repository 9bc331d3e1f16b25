"""Limits of what is known: counters, programs and meters that say too little, or too much."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from edgeval.sensors import macos
from edgeval.sensors.commands import output_of
from edgeval.sensors.energy import mean_power
from edgeval.sensors.macos import Mac
from edgeval.sensors.meter import COMMAND, Command
from edgeval.sensors.polled import Polled
from edgeval.sensors.power import RAPL, RAPL_MEMORY, Battery, Rapl
from edgeval.sensors.raspberry import Raspberry
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sample, Sampler, next_tick, withheld
from tests.helpers import sensor_trees
from tests.helpers.sensor_trees import tree

POWERCAP = "sys/class/powercap"


def server(root: Path) -> Path:
    """Two packages with their memory, as a server has them; and the first package's cores."""
    zones = {
        "0": ("package-0", 10), "0:0": ("core", 4), "0:1": ("dram", 2),
        "1": ("package-1", 20), "1:0": ("dram", 3),
    }  # fmt: skip
    files: dict[str, object] = {}
    for at, (name, joules) in zones.items():
        zone = f"{POWERCAP}/intel-rapl:{at}"
        files |= {f"{zone}/name": name, f"{zone}/energy_uj": joules * 1_000_000}
        files[f"{zone}/max_energy_range_uj"] = 100_000_000
    files |= {
        f"{POWERCAP}/intel-rapl-mmio:0/name": "package-0",
        f"{POWERCAP}/intel-rapl-mmio:0/energy_uj": 9,
    }
    return tree(root, files)


def set_joules(root: Path, at: str, joules: int) -> None:
    (root / f"{POWERCAP}/intel-rapl:{at}/energy_uj").write_text(f"{joules * 1_000_000}\n")


def test_packages_are_added_and_their_memory_is_another_figure(tmp_path: Path) -> None:
    rapl = Rapl(server(tmp_path))
    assert rapl.read().joules == {RAPL: 0.0, RAPL_MEMORY: 0.0}
    for at, joules in {"0": 13, "0:0": 50, "0:1": 4, "1": 24, "1:0": 4}.items():
        set_joules(tmp_path, at, joules)
    # 3 + 4 J of the packages, 2 + 1 J of the memory; the cores are in the package.
    assert rapl.read().joules == {RAPL: 7.0, RAPL_MEMORY: 3.0}


def test_a_package_that_is_silent_once_lowers_no_sum(tmp_path: Path) -> None:
    rapl = Rapl(server(tmp_path))
    rapl.read()
    counter = tmp_path / f"{POWERCAP}/intel-rapl:1/energy_uj"
    counter.write_text("")
    set_joules(tmp_path, "0", 15)
    assert rapl.read().joules == {RAPL_MEMORY: 0.0}
    set_joules(tmp_path, "1", 30)
    assert rapl.read().joules[RAPL] == 15.0


def test_a_wrap_without_a_known_range_is_not_known(tmp_path: Path) -> None:
    """3 J in the first second; then it wraps, nobody knows where; 2 J in the last second."""
    rapl, samples = Rapl(server(tmp_path)), []
    for zone in ("0", "1"):
        (tmp_path / f"{POWERCAP}/intel-rapl:{zone}/max_energy_range_uj").unlink()
    for second, joules in enumerate((90, 93, 1, 3, 5)):
        set_joules(tmp_path, "0", joules)
        samples.append(Sample(float(second), rapl.read()))
    assert RAPL not in samples[2].reading.joules
    found = {each.source: each for each in mean_power(samples, 0.0, 4.0)}
    assert (found[RAPL].watts, found[RAPL].known_s) == (2.5, 2.0)


def test_a_counter_that_is_above_its_range_is_not_trusted(tmp_path: Path) -> None:
    rapl = Rapl(server(tmp_path))
    set_joules(tmp_path, "0", 200)
    rapl.read()
    set_joules(tmp_path, "0", 5)
    assert RAPL not in rapl.read().joules


def test_counters_for_root_only_are_told(tmp_path: Path) -> None:
    assert withheld(tmp_path) == []
    assert withheld(server(tmp_path)) == []
    for counter in tmp_path.glob(f"{POWERCAP}/*/energy_uj"):
        counter.unlink()
        counter.mkdir()  # It cannot be read, whoever this is.
    assert Rapl(tmp_path).read() == Reading()
    assert "root only" in (Rapl(tmp_path).withheld or "")
    assert Mac(is_root=True).withheld is None
    assert "root only" in (Mac(is_root=False).withheld or "")


def test_the_battery_of_a_mouse_does_not_count(tmp_path: Path) -> None:
    supply = tree(tmp_path, sensor_trees.RYZEN_LAPTOP) / "sys/class/power_supply/BAT0"
    (supply / "scope").write_text("System\n")
    assert Battery(tmp_path).read() != Reading()
    (supply / "scope").write_text("Device\n")
    assert Battery(tmp_path).read() == Reading()


def test_macs_tell_an_intel_package_and_the_pressure_of_heat() -> None:
    intel = "Intel energy model derived package power (CPUs+GT+SA): 2.48W\n"
    assert macos.watts_of(intel) == 2.48
    nominal = "Current pressure level: Nominal\n"
    assert macos.pressure(nominal) is None
    assert macos.tells_limits(nominal, "")
    # Apple's own chips without root: nobody tells.
    assert not macos.tells_limits("", "Note: No thermal warning level has been recorded\n")
    said = "Combined Power (CPU + GPU + ANE): 1172 mW\n\nCurrent pressure level: Heavy\n"
    found = Mac(lambda command: said if command[0] == "powermetrics" else "", is_root=True).read()
    assert (found.throttled, found.tells_throttling) == (("thermal pressure heavy",), True)
    assert found.watts == {"powermetrics": 1.172}


def test_rails_are_not_asked_for_again_where_there_are_none() -> None:
    asked: list[str] = []

    def ask(command: object) -> str | None:
        asked.append(command[1])  # type: ignore[index]
        return "throttled=0x0" if asked[-1] == "get_throttled" else None

    source = Raspberry(ask)
    source.read()
    source.read()
    assert asked.count("pmic_read_adc") == 1
    assert asked.count("get_throttled") == 2


@pytest.mark.parametrize(
    ("line", "watts"),
    [
        ("6.4", 6.4), ("ch1: 6.4W", 6.4), ("power=6.4;", 6.4), ("1.2e1 W", 12.0), (" 0 ", 0.0),
        ("6,4 W", None), ("6.4 W at 230 V", None), ("-6.4", None), ("1e9", None), ("1e400", None),
        ("watts", None), ('{"apower":6.4,"voltage":231.2}', None),
    ],
)  # fmt: skip
def test_a_meter_says_one_number(line: str, watts: float | None) -> None:
    meter = Command("meter", lambda _: f"Meter 3000\n{line}\n")
    assert meter.read().watts == ({} if watts is None else {COMMAND: watts})


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.process
def test_a_program_that_prints_without_end_is_ended_early() -> None:
    begin = time.monotonic()
    assert output_of(python("while True: print('6.4' * 1000)"), 60.0) is None
    assert time.monotonic() - begin < 30.0
    assert output_of(python("print('6' * 65_536, end='')")) == "6" * 65_536


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="only the program itself is ended there")
def test_what_a_program_started_is_ended_too(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    child = f"import time; time.sleep(2); open({str(mark)!r}, 'w')"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    assert output_of(python(parent), 1.0) is None
    time.sleep(1.5)
    assert not mark.exists()


class Slow:
    name = "slow"

    def __init__(self, takes_s: float) -> None:
        self.takes_s, self.n_read = takes_s, 0

    def read(self) -> Reading:
        time.sleep(self.takes_s)
        self.n_read += 1
        return Reading(watts={"slow": float(self.n_read)})


def test_a_slow_source_loses_no_sample_of_others() -> None:
    source = Slow(0.8)
    with Sampler([Polled(source)], 0.2) as sampler:
        time.sleep(2.5)
    assert sampler.n_missed == 0
    assert len(sampler.samples) >= 10
    told = [each.reading.watts["slow"] for each in sampler.samples]
    assert told == sorted(told)
    assert 2 <= len(set(told)) < len(told)


def test_a_quick_source_is_told_at_once() -> None:
    polled = Polled(Slow(0.0))
    assert [polled.read().watts["slow"] for _ in range(4)] == [1.0, 2.0, 3.0, 4.0]


def test_what_is_old_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Slow):
        go = threading.Event()

        def read(self) -> Reading:
            if self.n_read:
                self.go.wait(60.0)
            return super().read()

    polled = Polled(Stuck(0.0))
    assert polled.read().watts == {"slow": 1.0} == polled.read().watts
    now = time.monotonic()
    monkeypatch.setattr("edgeval.sensors.polled.time.monotonic", lambda: now + 6.0)
    assert polled.read() == Reading()
    Stuck.go.set()


@pytest.mark.parametrize(
    ("tick", "past_s", "expected"),
    [(0, 0.01, 1), (3, 3.2, 4), (3, 2.999, 4), (3, 5.5, 6), (3, 4.0, 5)],
)
def test_a_moment_is_read_once(tick: int, past_s: float, expected: int) -> None:
    assert next_tick(tick, past_s, 1.0) == expected


def test_a_wall_clock_that_jumps_moves_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power of 4 W for a second, whatever the time of day does meanwhile."""
    jumps = iter(range(10**9, 0, -86_400))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))

    class Meter:
        name = "meter"

        def read(self) -> Reading:
            time.time()
            return Reading(watts={"meter": 4.0})

    with Sampler([Meter()], 0.1) as sampler:
        time.sleep(1.2)
    first, last = sampler.samples[0].at_s, sampler.samples[-1].at_s
    (power,) = mean_power(sampler.samples, first, last)
    assert power.watts == pytest.approx(4.0)
    assert power.known_s == pytest.approx(last - first)
    assert 0.9 < last - first < 1.5
