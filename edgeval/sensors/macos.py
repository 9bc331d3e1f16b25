"""macOS: power by ``powermetrics``, which only root may run, and limits by ``pmset``.

Source: the manual pages powermetrics(1) and pmset(1).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.sensors.commands import output_of
from edgeval.sensors.reading import Reading

POWERMETRICS: Final = "powermetrics"
_POWER = re.compile(r"^(?:Combined Power \(CPU \+ GPU \+ ANE\)|Package Power): (\d{1,7}) mW$", re.M)
_CPU_POWER = re.compile(r"^CPU Power: (\d{1,7}) mW$", re.M)
_INTEL_POWER = re.compile(
    r"^Intel energy model derived package power \(CPUs\+GT\+SA\): (\d{1,4}(?:\.\d{1,4})?)W", re.M
)
_PRESSURE = re.compile(r"^Current pressure level: (\w{1,20})", re.M)
_HIGH_PRESSURES = frozenset({"Moderate", "Heavy", "Trapping", "Sleeping"})
_LIMIT = re.compile(r"CPU_Speed_Limit\s*=\s*(\d{1,3})\b")
_FULL_SPEED = 100

Ask = Callable[[Sequence[str]], str | None]


def watts_of(text: str) -> float | None:
    """Return the power of the whole chip, or else of its CPU, by ``powermetrics``."""
    if intel := _INTEL_POWER.search(text):
        return float(intel[1])
    found = _POWER.search(text) or _CPU_POWER.search(text)
    return None if found is None else int(found[1]) / 1000


def pressure(text: str) -> str | None:
    """Return the thermal pressure by ``powermetrics``; None while it is nominal, or not told.

    Apple's own chips have no speed limit in ``pmset``.
    """
    found = _PRESSURE.search(text)
    if found is None or found[1] not in _HIGH_PRESSURES:
        return None
    return f"thermal pressure {found[1].lower()}"


def tells_limits(powermetrics: str, pmset: str) -> bool:
    """Return whether either says that clocks are held back, or that they are not."""
    return bool(_PRESSURE.search(powermetrics) or _LIMIT.search(pmset))


def is_limited(text: str) -> bool:
    """Return whether ``pmset -g therm`` says that the CPU's speed is limited."""
    found = _LIMIT.search(text)
    return found is not None and int(found[1]) < _FULL_SPEED


@dataclass(frozen=True)
class Mac:
    """What macOS says.

    Attributes:
        ask: Runs a command.
        is_root: Whether ``powermetrics`` may be run.
    """

    ask: Ask = output_of
    is_root: bool = sys.platform == "darwin" and os.geteuid() == 0

    @property
    def name(self) -> str:
        """What reports call it."""
        return POWERMETRICS

    @property
    def withheld(self) -> str | None:
        """What is said where this user may not run ``powermetrics``."""
        if self.is_root:
            return None
        return "macOS tells power (powermetrics) to root only, so it is left out"

    def read(self) -> Reading:
        """Return what limits the CPU, and for root also the power and the thermal pressure."""
        asked = ["powermetrics", "-n", "1", "-i", "200", "--samplers", "cpu_power,thermal"]
        text = (self.ask(asked) or "") if self.is_root else ""
        watts, held = watts_of(text), pressure(text)
        therm = self.ask(["pmset", "-g", "therm"]) or ""
        found = ("CPU speed limit" if is_limited(therm) else None, held)
        return Reading(
            throttled=tuple(each for each in found if each),
            tells_throttling=tells_limits(text, therm),
            watts={} if watts is None else {POWERMETRICS: watts},
        )
