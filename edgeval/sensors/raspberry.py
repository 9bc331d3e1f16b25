"""Raspberry Pi's firmware: temperature, throttling, and the power of a Pi 5's rails.

Source: Raspberry Pi's documentation of ``vcgencmd`` for the commands and the bits. The fit of the
rails to a meter is the one that Pi-Top's documentation has of the RPi5-power project. The script of
that project now has another, 1.1327 times the rails and 0.6444 W: for rails of 3 to 10 W they
differ by less than 1 %.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.sensors.commands import output_of
from edgeval.sensors.linux import UNDER_VOLTAGE
from edgeval.sensors.reading import Reading

PMIC: Final = "estimated from the PMIC"
_FIT: Final = (1.1451, 0.5879)
_BITS: Final = (UNDER_VOLTAGE, "clock capped", "throttled", "soft temperature limit")
_SINCE_BOOT: Final = 16
_TEMPERATURE = re.compile(r"temp=(-?\d{1,3}(?:\.\d{1,3})?)'C")
_THROTTLED = re.compile(r"throttled=0x([0-9a-fA-F]{1,8})\b")
_RAIL = re.compile(
    r"^\s*(\w{1,30})_([AV]) (?:current|volt)\(\d{1,3}\)=(\d{1,4}\.\d{1,12})[AV]\s*$", re.M
)

Ask = Callable[[Sequence[str]], str | None]


def temperature(text: str) -> float | None:
    """Return the temperature of ``vcgencmd measure_temp``: ``temp=48.3'C``."""
    found = _TEMPERATURE.search(text)
    return None if found is None else float(found[1])


def throttling(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return what throttles now, and what did since boot: ``throttled=0x50005``."""
    found = _THROTTLED.search(text)
    if found is None:
        return None
    bits = int(found[1], 16)
    now, before = (
        tuple(name for at, name in enumerate(_BITS) if bits >> (first + at) & 1)
        for first in (0, _SINCE_BOOT)
    )
    return now, before


def watts_of_rails(text: str) -> float | None:
    """Return the estimate of a Pi 5's power by ``vcgencmd pmic_read_adc``, in watts.

    The rails are the sum of volts times amperes of those that have both; what is lost before them,
    and taken beside them, is in the fit.
    """
    amperes, volts = ({}, {})  # type: tuple[dict[str, float], dict[str, float]]
    for name, unit, value in _RAIL.findall(text):
        (amperes if unit == "A" else volts)[name] = float(value)
    rails = [amperes[name] * volts[name] for name in amperes.keys() & volts.keys()]
    return _FIT[0] * sum(rails) + _FIT[1] if rails else None


@dataclass
class Raspberry:
    """What the firmware says.

    Attributes:
        ask: Runs ``vcgencmd``.
    """

    ask: Ask = output_of
    _has_rails: bool = True

    @property
    def name(self) -> str:
        """What reports call it."""
        return "vcgencmd"

    def read(self) -> Reading:
        """Return what the firmware says now; nothing on another board."""
        bits = throttling(self._said("get_throttled"))
        if bits is None:
            return Reading()
        watts = watts_of_rails(self._said("pmic_read_adc")) if self._has_rails else None
        # Only a Pi 5 has them; no other is asked again, since each program costs time.
        self._has_rails = watts is not None
        return Reading(
            temperature_c=temperature(self._said("measure_temp")),
            throttled=bits[0],
            throttled_before=bits[1],
            tells_throttling=True,
            watts={} if watts is None else {PMIC: watts},
        )

    def _said(self, command: str) -> str:
        return self.ask(["vcgencmd", command]) or ""
