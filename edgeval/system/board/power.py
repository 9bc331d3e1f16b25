"""Power: the governor of the clocks, and what feeds the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeval.system.board import reading


@dataclass(frozen=True)
class Clocks:
    """Who sets the clocks of the cores.

    Attributes:
        governors: The governors, each once.
        driver: What they ask for a clock.
        preference: What the hardware is told to prefer where it chooses the clock.
    """

    governors: tuple[str, ...] = ()
    driver: str | None = None
    preference: str | None = None


@dataclass(frozen=True)
class Supply:
    """What feeds the machine.

    Attributes:
        source: Where the power comes from; None for a machine that does not know.
        is_discharging: Whether its battery gives some; None if it has none.
        is_under_voltage: Whether the voltage is too low now; None if nothing looks at it.
    """

    source: Literal["mains", "battery"] | None = None
    is_discharging: bool | None = None
    is_under_voltage: bool | None = None


def clocks(root: Path = reading.ROOT) -> Clocks:
    """Return who sets the clocks (Documentation/admin-guide/pm/cpufreq.rst)."""
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
    governors, drivers, preferences = (
        tuple(dict.fromkeys(filter(None, (reading.name(each / file) for each in policies))))
        for file in ("scaling_governor", "scaling_driver", "energy_performance_preference")
    )
    return Clocks(governors, *(each[0] if each else None for each in (drivers, preferences)))


def supply(root: Path = reading.ROOT) -> Supply:
    """Return what feeds the machine (Documentation/ABI/testing/sysfs-class-power)."""
    online: list[bool] = []
    discharging: list[bool] = []
    for folder in sorted((root / "sys/class/power_supply").glob("*")):
        if reading.text(folder / "scope") == "Device":
            continue  # A mouse's battery.
        if reading.text(folder / "type") == "Battery":
            if (status := reading.text(folder / "status")) is not None:
                discharging.append(status == "Discharging")
        elif (is_online := reading.number(folder / "online")) is not None:
            online.append(bool(is_online))
    is_discharging = any(discharging) if discharging else None
    source: Literal["mains", "battery"] | None = None
    if any(online):
        source = "mains"
    elif is_discharging:
        source = "battery"
    return Supply(source, is_discharging, _is_under_voltage(root))


def _is_under_voltage(root: Path) -> bool | None:
    """Return what a Raspberry Pi's firmware says (Documentation/hwmon/raspberrypi-hwmon.rst)."""
    for folder in (root / "sys/class/hwmon").glob("hwmon*"):
        if reading.text(folder / "name") == "rpi_volt":
            alarm = reading.number(folder / "in0_lcrit_alarm")
            return None if alarm is None else bool(alarm)
    return None
