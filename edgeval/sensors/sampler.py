"""Sampler: a thread that reads all sensors once a second, on a fixed grid."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.sensors.linux import LinuxClocks, LinuxSensors
from edgeval.sensors.macos import Mac
from edgeval.sensors.meter import Command, Typed
from edgeval.sensors.nvml import Nvml
from edgeval.sensors.polled import Polled
from edgeval.sensors.power import Battery, InaChips, Rapl
from edgeval.sensors.raspberry import Raspberry
from edgeval.sensors.reading import Reading, Source, reading_of

PERIOD_S = 1.0
_LAST = 5
"""Samples; a slow source may miss one or two."""


@dataclass(frozen=True)
class Sample:
    """A reading and when it was made, in seconds of the monotonic clock."""

    at_s: float
    reading: Reading


def sources(
    root: Path = Path("/"),
    *,
    watts: float | None = None,
    watts_command: str | None = None,
    has_gpus: bool = False,
) -> list[Source]:
    """Return the sources of this machine, whose figures come before those of the ones behind them.

    Args:
        root: Where Linux's ``sys`` is.
        watts: Power that a meter shows, if it was typed in.
        watts_command: Command that prints it, if there is one.
        has_gpus: Whether GPUs compute: the power of others is not that of the computation.

    Raises:
        EdgevalError: If the number is no power, or the command prints none.
    """
    found: list[Source] = []
    if watts is not None:
        found.append(Typed(watts))
    if watts_command is not None:
        command = Command(watts_command)
        command.require_usable()
        found.append(Polled(command))
    return [*found, *of_machine(root, has_gpus=has_gpus)]


def of_machine(root: Path = Path("/"), *, has_gpus: bool = False) -> list[Source]:
    """Return the sources that the machine itself has; see ``sources``."""
    if sys.platform == "darwin":
        return [Polled(Mac())]
    return [
        Polled(Raspberry()),
        LinuxSensors(root),
        LinuxClocks(root),
        Rapl(root),
        Battery(root),
        InaChips(root),
        *([Nvml.here()] if has_gpus else []),
    ]


def withheld(root: Path = Path("/")) -> list[str]:
    """Return a clause on each source that this machine has, and this user may not read.

    Args:
        root: Where Linux's ``sys`` is.
    """
    said = Mac().withheld if sys.platform == "darwin" else Rapl(root).withheld
    return [said] if said else []


def read_all(found: Sequence[Source]) -> Reading:
    """Return what all sources say now."""
    whole = Reading()
    for source in found:
        whole = whole.beside(reading_of(source))
    return whole


class Sampler:
    """Reads sources in a thread of its own, from ``start`` to ``stop``; a context manager.

    Attributes:
        samples: What was read so far, the oldest first.
        holds_all: Whether samples are held; else only the last one is, while nobody adds them up.
        n_missed: Moments of the grid at which nothing was read, since the reading before took
            longer than the period.
        cpu_s: CPU time that the thread has taken, without that of programs it asked.
        names: What is read: the sources that said something at first. One that says something only
            later, such as a battery, is not asked: idle power would lack it.
        first: Set when the first sample is there.
    """

    def __init__(self, found: Sequence[Source], period_s: float = PERIOD_S) -> None:
        """Take sources; a thread begins to read them when the context is entered."""
        self.samples: list[Sample] = []
        self.holds_all = True
        self.n_missed = 0
        self.cpu_s = 0.0
        self.first = threading.Event()
        self._sources = [source for source in found if reading_of(source) != Reading()]
        self.names = list(dict.fromkeys(source.name for source in self._sources))
        self._period_s = period_s
        self._over = threading.Event()
        self._reading = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sensors", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def read_now(self) -> float:
        """Read beside the grid, in the thread that asks: so a part begins and ends with a sample.

        Returns:
            The sample's moment, by the monotonic clock.
        """
        with self._reading:
            sample = Sample(time.monotonic(), read_all(self._sources))
            if self.holds_all:
                self.samples.append(sample)
            else:
                self.samples[:] = [sample]
        return sample.at_s

    def forget_before(self, at_s: float) -> None:
        """Drop the samples that were made before a moment: what was added up is not needed."""
        with self._reading:
            self.samples[:] = [each for each in self.samples if each.at_s >= at_s]

    def lost(self) -> list[str]:
        """Return names of figures that were told once, and in none of the last samples."""
        readings = [each.reading for each in self.samples]
        before, last = (
            dict.fromkeys(name for each in part for name in each.told)
            for part in (readings, readings[-_LAST:])
        )
        return [name for name in before if name not in last]

    def _run(self) -> None:
        began = time.monotonic()
        tick = 0
        while not self._over.is_set():
            self.read_now()
            self.first.set()
            self.cpu_s = time.thread_time()
            # The next moment of the grid that is not over: a pause is no reason to hurry later.
            due = next_tick(tick, time.monotonic() - began, self._period_s)
            self.n_missed += due - tick - 1
            tick = due
            self._over.wait(max(0.0, began + tick * self._period_s - time.monotonic()))


def next_tick(tick: int, past_s: float, period_s: float) -> int:
    """Return the moment of the grid that comes after a reading.

    Args:
        tick: The moment that it was made for.
        past_s: Seconds since the grid began, after the reading.
        period_s: Seconds between two moments.
    """
    # A coarse clock may wake the thread a little before its moment, which is not read twice.
    return max(tick, int(past_s / period_s)) + 1
