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

from edgeval.benchmark.sensors.commands import output_of
from edgeval.benchmark.sensors.reading import Reading

POWERMETRICS: Final = "powermetrics"
_POWER = re.compile(r"^(?:Combined Power \(CPU \+ GPU \+ ANE\)|Package Power): (\d{1,7}) mW$", re.M)
_CPU_POWER = re.compile(r"^CPU Power: (\d{1,7}) mW$", re.M)
_LIMIT = re.compile(r"CPU_Speed_Limit\s*=\s*(\d{1,3})\b")
_FULL_SPEED = 100

Ask = Callable[[Sequence[str]], str | None]


def watts_of(text: str) -> float | None:
    """Return the power of the whole chip, or else of its CPU, by ``powermetrics``."""
    found = _POWER.search(text) or _CPU_POWER.search(text)
    return None if found is None else int(found[1]) / 1000


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

    def read(self) -> Reading:
        """Return the power now, if this is root, and whether heat limits the CPU."""
        watts = None
        if self.is_root:
            asked = ["powermetrics", "-n", "1", "-i", "200", "--samplers", "cpu_power"]
            watts = watts_of(self.ask(asked) or "")
        limited = is_limited(self.ask(["pmset", "-g", "therm"]) or "")
        return Reading(
            throttled=("CPU speed limit",) if limited else (),
            watts={} if watts is None else {POWERMETRICS: watts},
        )
