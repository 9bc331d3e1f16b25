"""Sensors: what they said of a benchmark, and what heat leaves of a machine's speed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from edgeval.records.base import Record

JOULES_A_WATT_HOUR = 3600.0
_MOST = 1e15
"""Bound of what others may write: what is computed of it stays finite."""

_MOST_C = 1000.0
_MOST_REASONS = 20
"""Of what may hold clocks back: all sources together name fewer."""


class MeanPower(Record):
    """Mean power by one source.

    Attributes:
        source: Where it is from: a sensor, a meter, or what was typed in.
        watts: Mean power, in watts.
        idle_watts: The same before anything was computed; None if it was not measured.
        known_share: The share of the time of which it is known; None if an older edgeval did not
            keep it.
    """

    source: str
    watts: float
    idle_watts: float | None = None
    known_share: float | None = Field(default=None, gt=0, le=1)

    @property
    def above_idle(self) -> float | None:
        """How much more it is than idle, in watts."""
        return None if self.idle_watts is None else self.watts - self.idle_watts


class Energy(Record):
    """Energy that one source tells.

    Attributes:
        source: Where it is from: a sensor or a meter.
        joules: Energy of all the seconds. Where it is not known, that of the known seconds' mean
            power.
        idle_joules: What the machine takes in as many seconds before anything is computed; None if
            that was not measured.
        seconds: Seconds of the computation.
        known_share: The share of them of which it is known.
    """

    source: str = Field(max_length=60)
    joules: float = Field(ge=0, le=_MOST)
    idle_joules: float | None = Field(default=None, ge=0, le=_MOST)
    seconds: float = Field(gt=0, le=_MOST)
    known_share: float = Field(gt=0, le=1)

    @property
    def above_idle(self) -> float | None:
        """How much more it is than idle, in joules."""
        return None if self.idle_joules is None else self.joules - self.idle_joules

    @property
    def watt_hours(self) -> float:
        """The same in watt-hours."""
        return self.joules / JOULES_A_WATT_HOUR

    def __add__(self, other: Energy) -> Energy:
        """Return both together, of the same source."""
        seconds = _sum(self.seconds, other.seconds)
        known_s = self.known_share * self.seconds + other.known_share * other.seconds
        idle = None
        if self.idle_joules is not None and other.idle_joules is not None:
            idle = _sum(self.idle_joules, other.idle_joules)
        return Energy(
            source=self.source,
            joules=_sum(self.joules, other.joules),
            idle_joules=idle,
            seconds=seconds,
            # A sum of parts may come out above the whole, by a rounding.
            known_share=min(1.0, known_s / seconds),
        )


class HeldBack(Record):
    """For how long one thing held the clocks back.

    Attributes:
        reason: What did, as the sensor calls it.
        seconds: In how many of the seconds.
    """

    reason: str = Field(max_length=60)
    seconds: float = Field(ge=0, le=_MOST)

    @classmethod
    def longest(cls, of_reasons: Mapping[str, float]) -> list[HeldBack]:
        """Return what held them back the longest, as many as a record has.

        Args:
            of_reasons: The seconds by reason.
        """
        longest = sorted(of_reasons.items(), key=lambda each: -each[1])[:_MOST_REASONS]
        return [cls(reason=name, seconds=seconds) for name, seconds in longest]


class Heat(Record):
    """How hot a machine was while it computed, and for how long its clocks were held back.

    Attributes:
        hottest_c: The highest temperature of the CPU, in degrees Celsius; None if nobody tells.
        gpu_hottest_c: That of the GPUs.
        seconds: Seconds of the computation.
        told_s: Those of which a sensor tells whether anything held the clocks back.
        held_s: Those in which something did.
        held_back: The same by what did, the longest first; two may at once.
    """

    hottest_c: float | None = Field(default=None, ge=-_MOST_C, le=_MOST_C)
    gpu_hottest_c: float | None = Field(default=None, ge=-_MOST_C, le=_MOST_C)
    seconds: float = Field(gt=0, le=_MOST)
    told_s: float = Field(default=0.0, ge=0, le=_MOST)
    held_s: float = Field(default=0.0, ge=0, le=_MOST)
    held_back: list[HeldBack] = Field(default_factory=list, max_length=_MOST_REASONS)

    @property
    def held_share(self) -> float | None:
        """The share of the known time in which clocks were held back; None if nobody tells.

        A sensor that tells one reason alone, such as too low a voltage, knows no other: what it
        says is of all the time, and its silence is no zero.
        """
        if not self.told_s and not self.held_s:
            return None
        # A sum of parts may come out above the whole, by a rounding.
        return min(1.0, self.held_s / (self.told_s or self.seconds))

    def __add__(self, other: Heat) -> Heat:
        """Return both together."""
        of_reasons: dict[str, float] = {}
        for each in (*self.held_back, *other.held_back):
            of_reasons[each.reason] = _sum(of_reasons.get(each.reason, 0.0), each.seconds)
        return Heat(
            hottest_c=_highest(self.hottest_c, other.hottest_c),
            gpu_hottest_c=_highest(self.gpu_hottest_c, other.gpu_hottest_c),
            seconds=_sum(self.seconds, other.seconds),
            told_s=_sum(self.told_s, other.told_s),
            held_s=_sum(self.held_s, other.held_s),
            held_back=HeldBack.longest(of_reasons),
        )


def _sum(one: float, other: float) -> float:
    """Return a sum that a record may hold: others may write as much as they can."""
    return min(_MOST, one + other)


def _highest(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


Figure = Literal[
    "temperature_c",
    "clock_mhz",
    "fan_rpm",
    "gpu_temperature_c",
    "gpu_clock_mhz",
    "gpu_fan_share",
]
"""A number that a sample may have."""


class SensorSample(Record):
    """What the sensors said at one moment.

    Attributes:
        at_s: Seconds since the load began.
        temperature_c: Of the hottest part of the CPU, in degrees Celsius.
        clock_mhz: Mean clock of the cores.
        fan_rpm: Of the fastest fan.
        gpu_temperature_c: Of the hottest GPU, in degrees Celsius.
        gpu_clock_mhz: Mean clock of the GPUs' cores.
        gpu_fan_share: Of the GPUs' fastest fan: 1 is the speed that it is made for.
        throttled: What held the clocks back.
    """

    at_s: float
    temperature_c: float | None = None
    clock_mhz: float | None = None
    fan_rpm: float | None = None
    gpu_temperature_c: float | None = None
    gpu_clock_mhz: float | None = None
    gpu_fan_share: float | None = None
    throttled: list[str] = Field(default_factory=list)


class SustainedRate(Record):
    """A test in the course of a sustained load.

    Attributes:
        at_s: Seconds since the load began, at the end of the test.
        tokens_per_s: Its speed.
    """

    at_s: float
    tokens_per_s: float = Field(gt=0)


class Sustained(Record):
    """The same test, over and over: what heat leaves of a machine's speed.

    Attributes:
        n_prompt: Tokens of the prompt.
        threads: CPU threads.
        rates: Each test.
        samples: What the sensors said meanwhile, once a second.
        power: Mean power meanwhile, by each source.
        n_missed: Seconds for which there is no sample, since sensors answered too late.
        sampler_share: CPU time of the thread that read the sensors, as a share of a core.
    """

    n_prompt: int = Field(ge=1)
    threads: int = Field(ge=1)
    rates: list[SustainedRate] = Field(min_length=1)
    samples: list[SensorSample] = Field(default_factory=list)
    power: list[MeanPower] = Field(default_factory=list)
    n_missed: int = Field(default=0, ge=0)
    sampler_share: float = Field(default=0.0, ge=0)

    @property
    def duration_s(self) -> float:
        """Seconds until the last test was over."""
        return self.rates[-1].at_s

    @property
    def first(self) -> float:
        """Tokens a second at the beginning: the mean of the first twentieth of the time."""
        return self._mean(0.0, 0.05)

    @property
    def steady(self) -> float:
        """Tokens a second in the end: the mean of the last quarter of the time."""
        return self._mean(0.75, 1.0)

    @property
    def lost(self) -> float:
        """The share of the speed that was lost on the way."""
        return 1 - self.steady / self.first

    @property
    def slope(self) -> float:
        """Change of the speed by a straight line, as a share of the first speed, a minute."""
        if len(self.rates) < 2 or self.rates[0].at_s == self.duration_s:
            return 0.0
        fit = statistics.linear_regression(
            [each.at_s / 60 for each in self.rates], [each.tokens_per_s for each in self.rates]
        )
        return fit.slope / self.first

    def _mean(self, begin: float, end: float) -> float:
        """Return the mean rate between two shares of the time; at least one test is in it."""
        within = [
            each.tokens_per_s
            for each in self.rates
            if begin * self.duration_s <= each.at_s <= end * self.duration_s
        ]
        return statistics.fmean(within or [self.rates[0].tokens_per_s])


class Sensors(Record):
    """What the sensors said of the whole benchmark.

    Attributes:
        sources: What could be read.
        start_c: Temperature of the CPU at the beginning, in degrees Celsius.
        hottest_c: The highest.
        gpu_start_c: Temperature of the hottest GPU at the beginning.
        gpu_hottest_c: The highest.
        throttled: What held the clocks back while it ran.
        throttled_before: What did since the machine was started, before or meanwhile.
        lost: Figures that were told at first, and no longer in the end.
    """

    sources: list[str] = Field(default_factory=list)
    start_c: float | None = None
    hottest_c: float | None = None
    gpu_start_c: float | None = None
    gpu_hottest_c: float | None = None
    throttled: list[str] = Field(default_factory=list)
    throttled_before: list[str] = Field(default_factory=list)
    lost: list[str] = Field(default_factory=list)
