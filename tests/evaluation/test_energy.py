"""Energy of evaluations: told by a source, kept with the speed, and nothing where none tells it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeval.records import speeds
from edgeval.scoring import sensing
from edgeval.sensors.energy import idle_power
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sampler
from edgeval.store.exchange import export_run
from tests.helpers.reports import example_report
from tests.helpers.speeds import evaluated, printed, run, stints


class Meter:
    """Seven watts, but two while nothing is computed."""

    name = "meter"

    def __init__(self) -> None:
        self.watts = 7.0
        self.n_idle = 0

    def read(self) -> Reading:
        return Reading(watts={"meter": self.watts})

    def idle(self, sampler: Sampler, seconds: float) -> dict[str, float]:
        self.n_idle += 1
        self.watts = 2.0
        found = idle_power(sampler, seconds)
        self.watts = 7.0
        return found


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    found = Meter()
    monkeypatch.setattr(sensing, "sources", lambda **_: [found])
    monkeypatch.setattr(sensing, "idle_power", found.idle)
    monkeypatch.setattr(sensing, "IDLE_S", 0.2)
    # Tiny models take less than sensors of one reading a second can tell.
    monkeypatch.setattr(speeds, "_LEAST_WATCHED_S", 0.0)
    return found


def test_what_scoring_takes_is_kept_by_its_source(
    tiny_f16: Path,
    tiny_items: Path,
    tmp_path: Path,
    meter: Meter,
    capsys: pytest.CaptureFixture[str],
) -> None:
    db = tmp_path / "a.db"
    record = evaluated(tiny_f16, tiny_items, db, threads=1)
    speed = record.runs[0].speed
    assert speed is not None
    (found,) = speed.energy
    assert found.source == "meter"
    assert found.seconds >= speed.elapsed_s
    assert found.joules == pytest.approx(7.0 * found.seconds)
    assert found.idle_joules == pytest.approx(2.0 * found.seconds)
    assert found.above_idle == pytest.approx(5.0 * found.seconds)
    assert found.known_share == pytest.approx(1.0)
    assert speed.joules_per_item == pytest.approx(7.0 * found.seconds / 40)
    (row,) = record.rows()
    assert row["joules_per_item"] == speed.joules_per_item
    assert row["watt_hours"] == pytest.approx(7.0 * found.seconds / 3600)
    assert meter.n_idle == 1
    assert stints(db) == [speed]
    capsys.readouterr()
    assert "Energy of an item by meter: F16 " in printed(record, capsys)
    # What the store answers takes nothing, and nothing is waited for.
    again = evaluated(tiny_f16, tiny_items, db, threads=1)
    assert (again.runs[0].speed, meter.n_idle) == (None, 1)
    assert "Energy" not in printed(again, capsys)


def test_an_evaluation_in_blocks_sums_the_energy_of_them(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, meter: Meter
) -> None:
    with sensing.watched(), sensing.watched():
        found = run(tiny_f16, tiny_items, tmp_path / "a.db", until=5.0)
        assert found.speed is not None
        (whole,) = found.speed.energy
        parts = [each.energy[0] for each in stints(tmp_path / "a.db")]
        assert whole.joules == pytest.approx(sum(each.joules for each in parts))
        assert whole.joules == pytest.approx(7.0 * whole.seconds)
    assert sensing.current() is None


def _never(*_: object) -> None:
    raise AssertionError("nothing tells a power or a heat")


@pytest.mark.parametrize("watts", [lambda: {}, lambda: 1 / 0])
def test_without_a_source_no_thread_is_started_and_nothing_is_waited_for(
    tiny_f16: Path,
    tiny_items: Path,
    tmp_path: Path,
    watts: Callable[[], dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Fan:
        name = "fan"

        def read(self) -> Reading:
            return Reading(fan_rpm=900.0, clock_mhz=1500.0, watts=watts())

    monkeypatch.setattr(sensing, "sources", lambda **_: [Fan()])
    monkeypatch.setattr(sensing, "Sampler", _never)
    monkeypatch.setattr(sensing, "idle_power", _never)
    db = tmp_path / "a.db"
    record = evaluated(tiny_f16, tiny_items, db, threads=1)
    speed = record.runs[0].speed
    assert speed is not None
    assert (speed.energy, speed.joules_per_item, speed.watt_hours) == ([], None, None)
    assert not {"energy", "heat"} & speed.model_dump().keys()
    export_run(db, 1, tmp_path / "run.json")
    (stint,) = json.loads((tmp_path / "run.json").read_text("utf-8"))["plans"][0]["stints"]
    assert not {"energy", "heat"} & stint.keys()
    assert {row["joules_per_item"] for row in example_report().rows()} == {None}


def test_a_counter_that_is_lost_for_most_of_the_time_tells_nothing() -> None:
    class Lost(Meter):
        def read(self) -> Reading:
            return super().read() if self.watts else Reading()

    source = Lost()
    with Sampler([source], 0.02) as sampler:
        tally = sensing.Tally(sampler, {})
        tally.resume()
        tally.pause()
        before = tally.energy
        source.watts = 0.0
        tally.resume()
        while len(sampler.samples) < 10:
            time.sleep(0.01)
        tally.pause()
        assert [each.source for each in before] == ["meter"]
        assert before[0].idle_joules is None
        assert tally.energy == []
        # What was added up is not held.
        assert len(sampler.samples) < 10
