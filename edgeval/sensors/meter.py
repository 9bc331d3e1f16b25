"""Meter at the wall: a number of watts that is typed in, or what a command prints."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.errors import EdgevalError
from edgeval.sensors.commands import output_of
from edgeval.sensors.reading import Reading

TYPED: Final = "typed in"
COMMAND: Final = "command"
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_MOST_WATTS: Final = 100_000.0


@dataclass(frozen=True)
class Typed:
    """A number that was read off a meter, and holds for all of a benchmark.

    Attributes:
        watts: Watts.
    """

    watts: float

    def __post_init__(self) -> None:
        """Refuse what is no power.

        Raises:
            EdgevalError: If it is none.
        """
        if not (math.isfinite(self.watts) and 0 < self.watts <= _MOST_WATTS):
            raise EdgevalError(f"--watts {self.watts:g} is no power; give watts above 0")

    @property
    def name(self) -> str:
        """What reports call it."""
        return TYPED

    def read(self) -> Reading:
        """Return it."""
        return Reading(watts={TYPED: self.watts})


@dataclass(frozen=True)
class Command:
    """A command whose last line has the watts.

    Attributes:
        line: The command, as it was typed; no shell runs it.
        ask: Runs it.
    """

    line: str
    ask: Callable[[Sequence[str]], str | None] = output_of

    def require_usable(self) -> None:
        """Run it once.

        Raises:
            EdgevalError: If it does not print a number.
        """
        if not self.read().watts:
            raise EdgevalError(
                f"--watts-command {self.line!r} printed no number of watts within 5 seconds; try "
                "it in a terminal: its last line has to hold one number, as in 6.4 W"
            )

    @property
    def name(self) -> str:
        """What reports call it."""
        return COMMAND

    def read(self) -> Reading:
        """Return the number in its last line; nothing where there is none, or more than one."""
        try:
            words = shlex.split(self.line, posix=sys.platform != "win32")
        except ValueError:
            return Reading()
        text = self.ask(words) if words else None
        lines = (text or "").strip().splitlines()
        numbers = _NUMBER.findall(lines[-1]) if lines else []
        # Of several, as in 6,4 W or 6.4 W at 230 V, nobody knows which is meant.
        watts = float(numbers[0]) if len(numbers) == 1 else -1.0
        return Reading(watts={COMMAND: watts} if 0 <= watts <= _MOST_WATTS else {})
