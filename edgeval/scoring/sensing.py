"""Sensing while items are scored: what the machine takes, and how hot it is, as far as told."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar

from edgeval.records.sensors import Energy, Heat, HeldBack
from edgeval.sensors.energy import energy, idle_power, powered
from edgeval.sensors.heat import HeatSum, tells_heat
from edgeval.sensors.reading import Reading, reading_of
from edgeval.sensors.sampler import Sampler, sources
from edgeval.system.untrusted import printable

IDLE_S = 2.0
"""How long idle power is measured, where something tells it."""

_current: ContextVar[Watch | None] = ContextVar("sensors", default=None)


class Watch:
    """Sensors of power and heat, from the first items that a command scores until its end."""

    def __init__(self) -> None:
        self._is_begun = False
        self._sampler: Sampler | None = None
        self._idle: dict[str, float] = {}

    def begin(self, *, has_gpus: bool) -> None:
        """Measure idle power the first time, before anything is scored.

        Where nothing tells a power, nothing is waited for; nor a heat, no thread is started.

        Args:
            has_gpus: Whether GPUs compute.
        """
        if self._is_begun:
            return
        self._is_begun = True
        told = [(each, reading_of(each)) for each in sources(has_gpus=has_gpus)]
        found = [source for source, reading in told if _is_wanted(reading)]
        if not found:
            return
        self._sampler = Sampler(found).__enter__()
        if any(powered(reading) for _, reading in told):
            self._idle = idle_power(self._sampler, IDLE_S)
        self._sampler.holds_all = False

    def tally(self) -> Tally | None:
        """Return a sum that is begun at nothing; None where nothing tells a power or a heat."""
        return None if self._sampler is None else Tally(self._sampler, self._idle)

    def close(self) -> None:
        """Stop reading."""
        if self._sampler is not None:
            self._sampler.__exit__()


def _is_wanted(reading: Reading) -> bool:
    """Return whether a source tells what is kept of an evaluation."""
    return powered(reading) or tells_heat(reading)


class Tally:
    """A sum of energy and heat over some parts of a command's time; grows while they pass."""

    def __init__(self, sampler: Sampler, idle: dict[str, float]) -> None:
        """Begin with nothing.

        Args:
            sampler: Reads the sensors.
            idle: Mean power in watts before anything is computed, by source.
        """
        self._sampler = sampler
        self._idle = idle
        self._counted_s = 0.0
        self._seconds = 0.0
        self._known: dict[str, tuple[float, float]] = {}
        self._heat = HeatSum()

    def resume(self) -> None:
        """Begin a part."""
        self._sampler.holds_all = True
        self._counted_s = self._sampler.read_now()

    def count(self) -> None:
        """Add what a part took until the last sample; what comes after one is not counted.

        Samples before that one are not held any longer.
        """
        if not self._sampler.holds_all:
            return
        samples = list(self._sampler.samples)
        begin_s, end_s = self._counted_s, samples[-1].at_s
        for name, (joules, known_s) in energy(samples, begin_s, end_s).items():
            before = self._known.get(name, (0.0, 0.0))
            self._known[name] = before[0] + joules, before[1] + known_s
        self._heat.add(samples, begin_s, end_s)
        self._seconds += end_s - begin_s
        self._counted_s = end_s
        self._sampler.forget_before(end_s)

    def pause(self) -> None:
        """End a part."""
        self._sampler.read_now()
        self.count()
        self._sampler.holds_all = False

    @property
    def energy(self) -> list[Energy]:
        """What the parts took so far, by each source that tells at least half of the time."""
        seconds = self._seconds
        found = []
        for name, (joules, known_s) in self._known.items():
            watts, idle = joules / known_s, self._idle.get(name)
            # A counter that was set back, or a driver that breaks, tells no energy.
            if known_s < seconds / 2 or not (math.isfinite(watts) and watts >= 0):
                continue
            found.append(
                Energy(
                    source=printable(name, 60),
                    joules=watts * seconds,
                    idle_joules=None if idle is None or idle < 0 else idle * seconds,
                    seconds=seconds,
                    known_share=min(1.0, known_s / seconds),
                )
            )
        return found

    @property
    def heat(self) -> Heat | None:
        """How hot it was in the parts so far, and what held clocks back; None if nothing tells."""
        found = self._heat
        temperatures = (found.hottest_c, found.gpu_hottest_c)
        is_told = any(each is not None for each in temperatures) or found.told_s or found.held_s
        if not is_told or not self._seconds:
            return None
        of_reasons = {printable(name, 60): held_s for name, held_s in found.reasons_s.items()}
        return Heat(
            hottest_c=found.hottest_c,
            gpu_hottest_c=found.gpu_hottest_c,
            seconds=self._seconds,
            told_s=found.told_s,
            held_s=found.held_s,
            held_back=HeldBack.longest(of_reasons),
        )


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Watch the sensors while items are scored within; nested contexts share one watch."""
    if current() is not None:
        yield
        return
    watch = Watch()
    token = _current.set(watch)
    try:
        yield
    finally:
        _current.reset(token)
        watch.close()


def current() -> Watch | None:
    """Return what watches the sensors of this command; None if nobody asked for it."""
    return _current.get()
