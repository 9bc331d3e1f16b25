"""Linux's own sensors: temperatures, fans and clocks in sysfs.

Source: the kernel's ``Documentation/driver-api/thermal/sysfs-api.rst``,
``hwmon/sysfs-interface.rst`` and ``admin-guide/pm/cpufreq.rst``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeval.sensors.reading import Reading, number_of, text_of

LINUX = "Linux"
_OF_A_CPU = re.compile(r"cpu|soc|pkg|core|^tj")
_CPU_CHIPS = {"coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal"}
SANE_C = (-50.0, 200.0)
"""What a machine can be as hot as: a broken sensor says others."""

_UNDER_VOLTAGE_CHIP = "rpi_volt"
UNDER_VOLTAGE = "under-voltage"


@dataclass(frozen=True)
class LinuxSensors:
    """Temperatures, fans, and the supply's voltage of a Raspberry Pi.

    Attributes:
        root: Where ``sys`` is.
    """

    root: Path = Path("/")

    @property
    def name(self) -> str:
        """What reports call it."""
        return LINUX

    def read(self) -> Reading:
        """Return what sysfs says now."""
        chips = list(self._chips())
        temperatures = [*self._zones(), *_of_cpu_chips(chips)]
        fans = [rpm for _, chip in chips for rpm in _inputs(chip, "fan")]
        return Reading(
            temperature_c=max(temperatures, default=None),
            fan_rpm=max(fans, default=None),
            throttled=tuple(_under_voltage(chips)),
        )

    def _zones(self) -> Iterator[float]:
        """Yield the temperatures of thermal zones that are a part of the CPU."""
        for zone in sorted(self.root.glob("sys/class/thermal/thermal_zone*")):
            kind, value = text_of(zone / "type"), number_of(zone / "temp")
            if kind is not None and value is not None and _OF_A_CPU.search(kind.casefold()):
                yield from _sane(value / 1000)

    def _chips(self) -> Iterator[tuple[str, Path]]:
        for chip in sorted(self.root.glob("sys/class/hwmon/hwmon*")):
            yield text_of(chip / "name") or "", chip


@dataclass(frozen=True)
class LinuxClocks:
    """Clocks of the cores: a file each, so that not all who want temperatures read them.

    Attributes:
        root: Where ``sys`` is.
    """

    root: Path = Path("/")

    @property
    def name(self) -> str:
        """What reports call it."""
        return LINUX

    def read(self) -> Reading:
        """Return the mean clock of the cores now."""
        pattern = "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"
        kilohertz = [value for path in self.root.glob(pattern) if (value := number_of(path))]
        return Reading(clock_mhz=sum(kilohertz) / len(kilohertz) / 1000 if kilohertz else None)


def _of_cpu_chips(chips: list[tuple[str, Path]]) -> Iterator[float]:
    for name, chip in chips:
        if name in _CPU_CHIPS:
            for value in _inputs(chip, "temp"):
                yield from _sane(value / 1000)


def _inputs(chip: Path, kind: str) -> Iterator[float]:
    for path in sorted(chip.glob(f"{kind}[0-9]*_input")):
        value = number_of(path)
        if value is not None:
            yield value


def _under_voltage(chips: list[tuple[str, Path]]) -> Iterator[str]:
    for name, chip in chips:
        if name == _UNDER_VOLTAGE_CHIP and number_of(chip / "in0_lcrit_alarm"):
            yield UNDER_VOLTAGE


def _sane(celsius: float) -> Iterator[float]:
    """Yield a temperature that a machine can have."""
    if SANE_C[0] < celsius < SANE_C[1]:
        yield celsius
