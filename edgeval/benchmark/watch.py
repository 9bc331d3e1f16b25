"""Watch: what the sensors say of the parts of a benchmark."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgeval.benchmark.options import BenchOptions
from edgeval.errors import EdgevalError, listed
from edgeval.records.sensors import MeanPower, Sensors, SensorSample
from edgeval.sensors.energy import idle_power, mean_power, powered
from edgeval.sensors.sampler import Sampler, sources, withheld
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable

IDLE_S = 5.0
_COOLING_S = 900.0


@dataclass(frozen=True)
class Span:
    """A part of a benchmark, by the monotonic clock."""

    begin_s: float
    end_s: float


@dataclass
class Watch:
    """The sensors of a machine while it is measured.

    Attributes:
        sampler: Reads them.
        idle: Mean power by source before anything is computed.
    """

    sampler: Sampler
    idle: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def over(
        cls, options: BenchOptions, progress: Progress, *, has_gpus: bool = False
    ) -> Iterator[Watch]:
        """Watch until the context ends; first for some seconds in which nothing is computed.

        Raises:
            EdgevalError: If the power that was typed in is none, or its command prints none.
        """
        found = sources(watts=options.watts, watts_command=options.watts_command, has_gpus=has_gpus)
        for reason in withheld():
            progress.log(reason)
        with Sampler(found) as sampler:
            watch = cls(sampler)
            if watch._measures_power():
                progress.log(f"measuring idle power for {IDLE_S:.0f} s")
                watch.idle = idle_power(sampler, IDLE_S)
            yield watch

    def _measures_power(self) -> bool:
        """Return whether a source has a power that changes."""
        self.sampler.first.wait()
        return powered(self.sampler.samples[0].reading)

    def power(self, span: Span) -> list[MeanPower]:
        """Return the mean power of each source in a part."""
        return [
            MeanPower(
                source=printable(each.source, 60),
                watts=each.watts,
                idle_watts=self.idle.get(each.source),
                # A sum of parts may come out above the whole, by a rounding.
                known_share=min(1.0, each.known_s / (span.end_s - span.begin_s)),
            )
            for each in mean_power(self.sampler.samples, span.begin_s, span.end_s)
        ]

    def samples(self, span: Span) -> list[SensorSample]:
        """Return what the sensors said in a part, with the seconds since its beginning."""
        return [
            SensorSample(
                at_s=each.at_s - span.begin_s,
                temperature_c=each.reading.temperature_c,
                clock_mhz=each.reading.clock_mhz,
                fan_rpm=each.reading.fan_rpm,
                gpu_temperature_c=each.reading.gpu_temperature_c,
                gpu_clock_mhz=each.reading.gpu_clock_mhz,
                gpu_fan_share=each.reading.gpu_fan_share,
                throttled=list(each.reading.throttled),
            )
            for each in self.sampler.samples
            if span.begin_s <= each.at_s <= span.end_s
        ]

    def summary(self) -> Sensors:
        """Return what they said of all of it."""
        readings = [each.reading for each in self.sampler.samples]
        return Sensors(
            sources=self.sampler.names,
            start_c=readings[0].temperature_c if readings else None,
            hottest_c=_highest(each.temperature_c for each in readings),
            gpu_start_c=readings[0].gpu_temperature_c if readings else None,
            gpu_hottest_c=_highest(each.gpu_temperature_c for each in readings),
            throttled=_named(each.throttled for each in readings),
            throttled_before=_named(each.throttled_before for each in readings),
            lost=_named([self.sampler.lost()]),
        )

    def cool(self, celsius: float, progress: Progress) -> None:
        """Wait until the CPU, and GPUs that compute, are as cool as this.

        Raises:
            EdgevalError: If no sensor tells, or one stays hotter for a quarter of an hour.
        """
        begin = time.monotonic()
        progress.log(f"waiting until {listed(list(self._heats()))} cooled to {celsius:g} °C")
        while True:
            heats = self._heats()
            if not heats:
                raise EdgevalError("no sensor tells a temperature; leave out --cool-to")
            device, hottest = max(heats.items(), key=lambda each: each[1])
            if hottest <= celsius:
                return
            if time.monotonic() - begin > _COOLING_S:
                raise EdgevalError(
                    f"{device} stayed at {hottest:.0f} °C for {_COOLING_S / 60:.0f} "
                    "minutes; name a higher --cool-to"
                )
            time.sleep(0.5)

    def _heats(self) -> dict[str, float]:
        """Return the temperatures now, of those that are told."""
        reading = self.sampler.samples[-1].reading
        found = {"the CPU": reading.temperature_c, "the GPUs": reading.gpu_temperature_c}
        return {device: celsius for device, celsius in found.items() if celsius is not None}


def _highest(found: Iterable[float | None]) -> float | None:
    return max((each for each in found if each is not None), default=None)


def _named(found: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(printable(name, 60) for names in found for name in names))
