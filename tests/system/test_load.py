"""Load of a machine: what others compute beside edgeval."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from edgeval.evaluation import file_scorer
from edgeval.scoring import timing
from tests.helpers.reports import example_report
from tests.helpers.speeds import changed


@pytest.fixture(autouse=True)
def _save_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)


# Load


class _Counters:
    """The counters of two CPUs and a process, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timing._Reading(at_s=10.0, idle_s=5.0, busy_s=7.0, own_s=1.0)
        monkeypatch.setattr(timing, "_reading", lambda: self.now)

    def move(self, **by: float) -> None:
        self.now = timing._Reading(**{n: v + by.get(n, 0) for n, v in vars(self.now).items()})


def test_the_load_is_what_others_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = _Counters(monkeypatch)
    meter = timing.Meter()
    counters.move(at_s=0.2, busy_s=0.4)
    assert meter.cpu_load() is None
    counters.move(at_s=1.8, busy_s=2.6, idle_s=1.0, own_s=1.0)
    assert meter.cpu_load() == pytest.approx(1.0)
    # Its own work is none of it, whatever the clock ticks.
    counters.move(own_s=9.0)
    assert meter.cpu_load() == 0


def test_counters_that_stand_still_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = _Counters(monkeypatch)
    meter = timing.Meter()
    counters.move(at_s=5.0)
    assert meter.cpu_load() is None
    monkeypatch.setattr(timing, "_reading", lambda: None)
    assert timing.Meter().cpu_load() is None


_BURN = "import time; end = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
_START = (
    "import subprocess, sys; null = subprocess.DEVNULL; "
    "print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=null, stderr=null).pid)"
)


@contextlib.contextmanager
def burning(*, is_ours: bool) -> Iterator[None]:
    """Keep a CPU busy with a process of this one, or with one whose parent is gone."""
    if is_ours:
        process = subprocess.Popen([sys.executable, "-c", _BURN])
        pid = process.pid
    else:
        command = [sys.executable, "-c", _START, _BURN]
        pid = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    try:
        time.sleep(0.3)
        yield
    finally:
        psutil.Process(pid).kill()
        if is_ours:
            process.wait(10)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="there a process keeps its dead parent's id")
def test_what_another_process_computes_is_load() -> None:
    with burning(is_ours=False):
        meter = timing.Meter()
        before = timing._own_s()
        time.sleep(1.0)
        found, own_s = meter.cpu_load(), timing._own_s() - before
    assert found is not None
    assert found > 0.5
    assert own_s < 0.3


@pytest.mark.process
def test_what_the_process_of_llama_cpp_computes_is_none() -> None:
    with burning(is_ours=True):
        before = timing._own_s()
        time.sleep(1.0)
        assert timing._own_s() - before > 0.2


@pytest.mark.parametrize(
    ("threads", "n_cpus", "cpu_load", "is_loaded"),
    [
        (2, 2, 0.2, False),
        (2, 2, 0.3, True),
        (1, 2, 1.0, True),
        (64, 64, 0.4, True),
        (8, 64, 2.0, False),
        (8, 64, 6.5, True),
        (2, 2, None, False),
    ],
)
def test_a_speed_under_load_is_one(
    threads: int, n_cpus: int, cpu_load: float | None, is_loaded: bool
) -> None:
    speed = example_report().runs[0].speed
    assert speed is not None
    found = changed(speed, threads=threads, n_cpus=n_cpus, cpu_load=cpu_load)
    assert found.is_loaded == is_loaded
