"""Power of Linux machines: RAPL's counters, a battery that is discharged, and INA chips.

Source: the kernel's ``Documentation/power/powercap/powercap.rst``,
``ABI/testing/sysfs-class-power``, ``hwmon/ina2xx.rst`` and ``hwmon/ina3221.rst``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeval.sensors.reading import Reading, number_of, text_of
from edgeval.system.untrusted import printable

RAPL, RAPL_MEMORY, BATTERY = "RAPL, CPU packages", "RAPL, memory", "battery"
_INA = {"ina219", "ina220", "ina226", "ina230", "ina231", "ina260", "ina3221"}
_WHOLE = "VDD_IN"
"""What Jetson boards label the channel that all others are behind."""


@dataclass
class Rapl:
    """Energy of the CPU's packages and, beside it, of the memory, in joules since some moment.

    A counter begins again at its range: read often enough, the sum goes on. Where the range is not
    known, or a counter cannot be read, that moment has no figure.

    Attributes:
        root: Where ``sys`` is.
    """

    root: Path = Path("/")
    _last: dict[Path, float] = field(default_factory=dict, repr=False)
    _total_j: dict[str, float] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """What reports call it."""
        return RAPL

    @property
    def withheld(self) -> str | None:
        """What is said where there are counters, and this user may not read them."""
        zones = list(self._zones())
        if zones and all(number_of(zone / "energy_uj") is None for _, zone in zones):
            return "the CPU's energy counters (RAPL) can be read by root only, so they are left out"
        return None

    def read(self) -> Reading:
        """Return the energy of all packages, and of their memory."""
        zones = list(self._zones())
        unknown = {name for name, zone in zones if not self._counted(name, zone)}
        names = {name for name, _ in zones} - unknown
        return Reading(joules={name: self._total_j[name] for name in sorted(names)})

    def _zones(self) -> Iterator[tuple[str, Path]]:
        # intel-rapl-mmio has the same packages once more.
        for zone in sorted(self.root.glob("sys/class/powercap/intel-rapl:[0-9]*")):
            kind = text_of(zone / "name") or ""
            if kind.startswith("package") or kind == "dram":
                yield RAPL if kind.startswith("package") else RAPL_MEMORY, zone

    def _counted(self, name: str, zone: Path) -> bool:
        """Add what a counter rose by; return whether that is known."""
        now = number_of(zone / "energy_uj")
        if now is None:
            return False
        risen = _risen(self._last.get(zone, now), now, number_of(zone / "max_energy_range_uj"))
        self._last[zone] = now
        self._total_j[name] = self._total_j.get(name, 0.0) + (risen or 0.0) / 1e6
        return risen is not None


def _risen(before: float, now: float, most: float | None) -> float | None:
    """Return by how much a counter rose that may have begun again once; None if unknown."""
    if now >= before:
        return now - before
    return None if most is None or most < before else now + most - before


@dataclass(frozen=True)
class Battery:
    """Power that is taken from batteries, while the machine has no other.

    Attributes:
        root: Where ``sys`` is.
    """

    root: Path = Path("/")

    @property
    def name(self) -> str:
        """What reports call it."""
        return BATTERY

    def read(self) -> Reading:
        """Return the power of all batteries that are discharged."""
        watts = list(self._watts())
        return Reading(watts={BATTERY: sum(watts)} if watts else {})

    def _watts(self) -> Iterator[float]:
        for supply in sorted(self.root.glob("sys/class/power_supply/*")):
            if (text_of(supply / "type"), text_of(supply / "status")) != ("Battery", "Discharging"):
                continue
            if text_of(supply / "scope") == "Device":
                continue  # That of a mouse or a headset.
            power = number_of(supply / "power_now")
            volts, amperes = number_of(supply / "voltage_now"), number_of(supply / "current_now")
            if power is not None:
                yield abs(power) / 1e6
            elif volts is not None and amperes is not None:
                yield abs(volts * amperes) / 1e12


@dataclass(frozen=True)
class InaChips:
    """Power through INA chips, as hwmon has it.

    Of one with several channels only the one is told that is labelled as the whole.

    Attributes:
        root: Where ``sys`` is.
    """

    root: Path = Path("/")

    @property
    def name(self) -> str:
        """What reports call it."""
        return "INA"

    def read(self) -> Reading:
        """Return the power of each chip."""
        found: dict[str, float] = {}
        for chip in sorted(self.root.glob("sys/class/hwmon/hwmon*")):
            kind = text_of(chip / "name") or ""
            watts = _watts_of(chip) if kind in _INA else None
            if watts is not None:
                found.setdefault(printable(f"{kind.upper()} {chip.name}", 40), watts)
        return Reading(watts=found)


def _watts_of(chip: Path) -> float | None:
    whole = number_of(chip / "power1_input")
    if whole is not None:
        return whole / 1e6
    currents = sorted(chip.glob("curr[0-9]*_input"))
    channels = [path.name.removeprefix("curr").removesuffix("_input") for path in currents]
    labelled = [each for each in channels if text_of(chip / f"in{each}_label") == _WHOLE]
    wanted = labelled or (channels if len(channels) == 1 else [])
    if len(wanted) != 1:
        return None
    volts = number_of(chip / f"in{wanted[0]}_input")
    amperes = number_of(chip / f"curr{wanted[0]}_input")
    return None if volts is None or amperes is None else volts * amperes / 1e6
