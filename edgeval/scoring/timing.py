"""Timing: what scoring takes in this command, and what other processes do meanwhile."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone

import psutil

from edgeval.llama import machine
from edgeval.records import Speed, by_command
from edgeval.records.speeds import Parts
from edgeval.scoring.sensing import Watch
from edgeval.tasks.requests import Work

_SHORTEST_S = 0.25
"""Systems count a CPU's time in steps of 10 ms: of less than this they tell too little."""

_NOT_BUSY = frozenset({"idle", "iowait", "guest", "guest_nice", "interrupt", "dpc"})
"""Times of a CPU that are idle, or in another one too: a guest's in ``user``, and Windows'
interrupts in ``system`` (psutil's documentation of ``cpu_times``)."""


@dataclass(frozen=True)
class _Reading:
    """Times in seconds since some moment: the clock's, all CPUs', and this process tree's."""

    at_s: float
    idle_s: float
    busy_s: float
    own_s: float


class Meter:
    """Tells how much of the CPUs other processes use, from the moment it is made.

    The load average would not do: it remembers what this very process computed a minute ago.
    """

    def __init__(self) -> None:
        self._begun = _reading()

    def cpu_load(self) -> float | None:
        """Return how many CPUs others kept busy so far, on average; None where nobody knows."""
        begun, now = self._begun, _reading()
        if begun is None or now is None or now.at_s - begun.at_s < _SHORTEST_S:
            return None
        busy_s = now.busy_s - begun.busy_s
        if busy_s <= 0 and now.idle_s <= begun.idle_s:
            # Some containers show counters that stand still.
            return None
        others_s = busy_s - (now.own_s - begun.own_s)
        return max(0.0, others_s) / (now.at_s - begun.at_s)


class Stint:
    """The work of this command in one plan; grows while it is carried out.

    Attributes:
        load_s: Seconds of loading the model for it.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.load_s = 0.0
        self._tally = None if timing.sensors is None else timing.sensors.tally()
        self._meter = Meter()
        self._work = Work()
        self._n_items = 0
        self._parts: Parts | None = None
        self._cpu_load: float | None = None

    def resume(self) -> None:
        """Begin to compute; energy and heat are of what comes until ``pause``."""
        if self._tally is not None:
            self._tally.resume()

    def pause(self) -> None:
        """End computing."""
        if self._tally is not None:
            self._tally.pause()

    def add(self, work: Work, n_items: int) -> None:
        """Count what was done since the last call."""
        self._work.add(work)
        if work.tokens_decoded:
            part = Parts.of(work.tokens_decoded, work.elapsed_s)
            self._parts = part if self._parts is None else self._parts + part
        self._n_items += n_items
        self._cpu_load = self._meter.cpu_load()
        if self._tally is not None:
            self._tally.count()

    @property
    def speed(self) -> Speed:
        """What it has taken so far."""
        return Speed(
            device=self._timing.device,
            threads=self._timing.threads,
            measured_at=self._timing.begun_at,
            n_items=self._n_items,
            **vars(self._work),
            parts=self._parts,
            load_s=self.load_s,
            n_cpus=n_cpus(),
            cpu_load=self._cpu_load,
            energy=[] if self._tally is None else self._tally.energy,
            heat=None if self._tally is None else self._tally.heat,
        )


class Timing:
    """What scoring one model takes in this command.

    Attributes:
        device: The machine.
        threads: CPU threads.
        sensors: Watch what the machine takes, and its heat; None if nobody asked for it.
        begun_at: When it began, in UTC.
    """

    def __init__(self, threads: int, sensors: Watch | None = None) -> None:
        self.sensors = sensors
        self.device = machine.describe()
        self.threads = threads
        self.begun_at = datetime.now(timezone.utc)
        self._stints: dict[int, Stint] = {}

    def stint(self, plan: int, load_s: float) -> Stint:
        """Return the work in a plan, which is begun or gone on with.

        Args:
            plan: Number of the plan in the store.
            load_s: Seconds that loading the model for it took now.
        """
        found = self._stints.setdefault(plan, Stint(self))
        found.load_s += load_s
        return found

    @property
    def speed(self) -> Speed | None:
        """What all took together; None where nothing was decoded."""
        done = [found for stint in self._stints.values() if (found := stint.speed).tokens_decoded]
        return by_command(done)[0] if done else None


def n_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(_cpus() or ()) or psutil.cpu_count() or 1


def _cpus() -> set[int] | None:
    """Return the CPUs that this process may use; None for all."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _reading() -> _Reading | None:
    with contextlib.suppress(psutil.Error, OSError, NotImplementedError):
        times = [each._asdict() for each in psutil.cpu_times(percpu=True)]
        cpus = _cpus()
        if cpus is not None and max(cpus) < len(times):
            times = [times[cpu] for cpu in cpus]
        return _Reading(
            at_s=time.perf_counter(),
            idle_s=sum(each["idle"] for each in times),
            busy_s=sum(s for each in times for name, s in each.items() if name not in _NOT_BUSY),
            own_s=_own_s(),
        )
    return None


def _own_s() -> float:
    """Return the CPU time of this process and of those it has started, living or ended."""
    process = psutil.Process()
    own = process.cpu_times()
    total = own.user + own.system
    total += getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found = child.cpu_times()
            total += found.user + found.system
    return float(total)
