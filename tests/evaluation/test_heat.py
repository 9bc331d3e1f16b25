"""Heat of evaluations: read from a board's files meanwhile, kept with the speed, and exchanged."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgeval.records import speeds
from edgeval.records.sensors import Heat
from edgeval.scoring import sensing
from edgeval.sensors.linux import LinuxClocks, LinuxSensors
from edgeval.sensors.raspberry import Raspberry
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import Sampler
from edgeval.store.exchange import export_run, import_run
from tests.helpers import sensor_trees
from tests.helpers.sensor_trees import tree
from tests.helpers.speeds import evaluated, printed, run, stints
from tests.helpers.tiny import make_items, write_items

CPU = "sys/class/thermal/thermal_zone0/temp"
CHIP = "sys/class/hwmon/hwmon0/temp1_input"


class Board:
    """A Pi 4 that is hot, and held back by its firmware, at every other reading."""

    name = "Linux"

    def __init__(self, root: Path) -> None:
        self.root = tree(root, sensor_trees.PI_4)
        self.n_read = 0
        self.bits = "0x0"
        self.firmware = Raspberry(self._said)
        self.linux = LinuxSensors(root)
        (root / "sys/class/hwmon/hwmon1/in0_lcrit_alarm").write_text("0\n")

    def read(self) -> Reading:
        self.n_read += 1
        is_hot = self.n_read % 2 == 0
        self.bits = "0x4" if is_hot else "0x0"
        for name in (CPU, CHIP):
            if (self.root / name).exists():
                (self.root / name).write_text("84200\n" if is_hot else "61000\n")
        return self.firmware.read().beside(self.linux.read())

    def _said(self, command: Sequence[str]) -> str | None:
        return {"get_throttled": f"throttled={self.bits}"}.get(command[1])


class Breaking(Board):
    """The same, but all that it is read from goes away once it was read by the sampler's thread.

    Two readings tell before that it is there.
    """

    def read(self) -> Reading:
        if self.n_read == 3:
            shutil.rmtree(self.root / "sys", ignore_errors=True)
            raise OSError(19, "no such device")
        return super().read()


def _never(*_: object) -> None:
    raise AssertionError("nothing tells a power")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read often: tiny models take less than sensors of one reading a second can tell."""
    monkeypatch.setattr(speeds, "_LEAST_WATCHED_S", 0.0)
    monkeypatch.setattr(sensing, "Sampler", lambda found: Sampler(found, 0.01))
    monkeypatch.setattr(sensing, "idle_power", _never)


def on(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensing, "sources", lambda **_: [board])


def test_heat_and_what_held_clocks_back_are_kept(
    tiny_f16: Path,
    tiny_items: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    on(Board(tmp_path / "board"), monkeypatch)
    db, other = tmp_path / "a.db", tmp_path / "b.db"
    record = evaluated(tiny_f16, tiny_items, db, threads=1)
    speed = record.runs[0].speed
    assert speed is not None and speed.heat is not None
    heat = speed.heat
    assert (heat.hottest_c, heat.gpu_hottest_c) == (84.2, None)
    assert heat.told_s == pytest.approx(heat.seconds)
    # Before it began and behind its end it was cool or hot in turn, so it was both meanwhile.
    assert 0 < heat.held_s < heat.told_s
    assert [(each.reason, each.seconds) for each in heat.held_back] == [("throttled", heat.held_s)]
    assert speed.energy == []
    (row,) = record.rows()
    assert (row["hottest_c"], row["gpu_hottest_c"]) == (84.2, None)
    assert row["held_back_share"] == heat.held_s / heat.told_s
    capsys.readouterr()
    shown = " ".join(printed(record, capsys).split())
    assert "Heat: CPU up to 84 °C; clocks were held back for " in shown
    assert "% of the time (throttled), so this speed is lower than the machine's." in shown
    assert stints(db) == [speed]
    export_run(db, 1, tmp_path / "run.json")
    import_run(other, tmp_path / "run.json")
    assert stints(other) == [speed]


def test_an_evaluation_in_blocks_has_the_heat_of_all_of_them(
    tiny_f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(Board(tmp_path / "board"), monkeypatch)
    data = write_items(tmp_path / "many.jsonl", make_items(200))
    with sensing.watched():
        found = run(tiny_f16, data, tmp_path / "a.db", until=5.0, limit=130)
    parts = [each.heat for each in stints(tmp_path / "a.db")]
    assert found.speed is not None and found.speed.heat is not None and len(parts) > 1
    known = [each for each in parts if each is not None]
    assert len(known) == len(parts)
    whole = found.speed.heat
    assert whole.hottest_c == 84.2
    for name in ("seconds", "told_s", "held_s"):
        assert getattr(whole, name) == pytest.approx(sum(getattr(each, name) for each in known))


def test_a_sensor_that_breaks_off_ends_nothing(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Breaking(tmp_path / "board")
    on(board, monkeypatch)
    record = evaluated(tiny_f16, tiny_items, tmp_path / "a.db", threads=1)
    speed = record.runs[0].speed
    assert speed is not None and speed.n_items == 40
    assert not (board.root / "sys").exists()
    assert speed.heat is None or speed.heat.told_s < speed.heat.seconds


def test_of_what_is_not_kept_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of a large machine are a file a core."""
    root = tree(tmp_path, sensor_trees.N100)
    monkeypatch.setattr(sensing, "sources", lambda **_: [LinuxClocks(root), LinuxSensors(root)])
    watch = sensing.Watch()
    watch.begin(has_gpus=False)
    assert watch._sampler is not None
    watch._sampler.read_now()
    watch.close()
    (last,) = watch._sampler.samples
    assert (last.reading.temperature_c, last.reading.clock_mhz) == (52.0, None)
    assert LinuxClocks(root).read() == Reading(clock_mhz=2900.0)


def test_samples_are_held_only_while_they_are_added_up(tmp_path: Path) -> None:
    with Sampler([Board(tmp_path)], 0.005) as sampler:
        tally = sensing.Tally(sampler, {})
        assert tally.heat is None
        for _ in range(3):
            tally.resume()
            _wait(sampler, 4)
            tally.count()
            tally.pause()
            found = tally.heat
            _wait(sampler, 4)
            assert len(sampler.samples) == 1
            # Results are saved once more behind a part.
            tally.count()
            assert tally.heat == found
    assert isinstance(found, Heat)
    assert found.told_s == pytest.approx(found.seconds)


def _wait(sampler: Sampler, n_more: int) -> None:
    """Wait until the thread has read so many times."""
    (board,) = sampler._sources
    assert isinstance(board, Board)
    until, due = board.n_read + n_more, time.monotonic() + 60
    while board.n_read < until and time.monotonic() < due:
        time.sleep(0.001)
