"""Reading: what the sensors of a machine say at one moment; what is not known is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_MAX_CHARACTERS = 4096
_MAX_DIGITS = 20


@dataclass(frozen=True)
class Reading:
    """What was read at one moment, by all sources or by one.

    Attributes:
        temperature_c: Of the hottest part of the CPU, in degrees Celsius.
        clock_mhz: Mean clock of the cores.
        fan_rpm: Of the fastest fan.
        gpu_temperature_c: Of the hottest GPU, in degrees Celsius.
        gpu_clock_mhz: Mean clock of the GPUs' cores.
        gpu_fan_share: Of the GPUs' fastest fan: 1 is the speed that it is made for.
        throttled: Names of what holds the clocks back now.
        throttled_before: Names of what did since the machine was started.
        tells_throttling: Whether what it does not name does not hold them back; else nobody knows.
        watts: Power now, by the name of the source.
        joules: Counters of energy, by the name of the source; they begin anywhere.
    """

    temperature_c: float | None = None
    clock_mhz: float | None = None
    fan_rpm: float | None = None
    gpu_temperature_c: float | None = None
    gpu_clock_mhz: float | None = None
    gpu_fan_share: float | None = None
    throttled: tuple[str, ...] = ()
    throttled_before: tuple[str, ...] = ()
    tells_throttling: bool = False
    watts: Mapping[str, float] = field(default_factory=dict)
    joules: Mapping[str, float] = field(default_factory=dict)

    @property
    def told(self) -> list[str]:
        """Names of the figures that are known."""
        known = {
            "the CPU's temperature": self.temperature_c,
            "the CPU's clock": self.clock_mhz,
            "the fan": self.fan_rpm,
            "the GPUs' temperature": self.gpu_temperature_c,
            "the GPUs' clock": self.gpu_clock_mhz,
            "the GPUs' fan": self.gpu_fan_share,
        }
        figures = [name for name, value in known.items() if value is not None]
        return [*figures, *(f"power by {name}" for name in {**self.watts, **self.joules})]

    def beside(self, other: Reading) -> Reading:
        """Return what this and another source say; of figures that both have, this one's."""
        return Reading(
            temperature_c=_first(self.temperature_c, other.temperature_c),
            clock_mhz=_first(self.clock_mhz, other.clock_mhz),
            fan_rpm=_first(self.fan_rpm, other.fan_rpm),
            gpu_temperature_c=_first(self.gpu_temperature_c, other.gpu_temperature_c),
            gpu_clock_mhz=_first(self.gpu_clock_mhz, other.gpu_clock_mhz),
            gpu_fan_share=_first(self.gpu_fan_share, other.gpu_fan_share),
            throttled=tuple(dict.fromkeys((*self.throttled, *other.throttled))),
            throttled_before=tuple(
                dict.fromkeys((*self.throttled_before, *other.throttled_before))
            ),
            tells_throttling=self.tells_throttling or other.tells_throttling,
            # What comes first stays in front, which is the order in which sources are listed.
            watts={**self.watts, **other.watts, **self.watts},
            joules={**self.joules, **other.joules, **self.joules},
        )


class Source(Protocol):
    """Something that can be read again and again."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def read(self) -> Reading:
        """Return what it says now; nothing where it cannot be read."""


def reading_of(source: Source) -> Reading:
    """Return what a source says now; nothing where it breaks.

    A device that is pulled out can fail in any way of its driver, and must not end a benchmark.
    """
    try:
        return source.read()
    except Exception:  # noqa: BLE001 - what it no longer tells is said in the end
        return Reading()


def text_of(path: Path) -> str | None:
    """Return the text of a small file without white space around it; None if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_CHARACTERS).decode("utf-8", "replace").strip("\x00 \t\r\n")
    except OSError:
        return None


def number_of(path: Path) -> float | None:
    """Return the whole number in a small file; None if there is none."""
    text = text_of(path)
    try:
        return None if text is None or len(text) > _MAX_DIGITS else float(int(text))
    except ValueError:
        return None


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
