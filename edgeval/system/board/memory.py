"""Memory modules, where udev has kept what only root may read in the firmware."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from edgeval.system.board import reading

_LINE = re.compile(r"E:MEMORY_DEVICE_(\d{1,3})_([A-Z_]+)=(.*)")
_CHANNEL = re.compile(r"^.*?channel[\s_-]*[a-z0-9]+", re.IGNORECASE)
_UNKNOWN = frozenset({"Unknown", "Other", "<OUT OF SPEC>"})


@dataclass(frozen=True)
class Modules:
    """What the memory is made of.

    Attributes:
        type: For example ``DDR5``.
        mts: Transfers a second that the slowest module is set to, in millions.
        channels: Number of channels that have memory.
    """

    type: str | None = None
    mts: int | None = None
    channels: int | None = None


def modules(root: Path = reading.ROOT) -> Modules:
    """Return what the memory is made of.

    Source: systemd's ``dmi_memory_id``, which puts the firmware's table of memory devices (SMBIOS,
    type 17) in udev's database, whoever may read that.
    """
    slots: dict[str, dict[str, str]] = defaultdict(dict)
    for line in (reading.text(root / "run/udev/data/+dmi:id") or "").splitlines():
        if found := _LINE.fullmatch(line):
            slot, name, value = found.groups()
            slots[slot][name] = value.strip()
    filled = [each for each in slots.values() if each.get("SIZE", "0") != "0"]
    types = {each.get("TYPE", "Unknown") for each in filled} - _UNKNOWN
    speeds = [each.get("CONFIGURED_SPEED_MTS", "") for each in filled]
    return Modules(
        type=reading.shown(types.pop()) if len(types) == 1 else None,
        mts=min(map(int, speeds)) if speeds and all(map(str.isdecimal, speeds)) else None,
        channels=_channels(filled),
    )


def _channels(filled: list[dict[str, str]]) -> int | None:
    """Return how many channels the modules are in, if each one's place names a channel."""
    found = set()
    for each in filled:
        places = (_CHANNEL.match(each.get(name, "")) for name in ("LOCATOR", "BANK_LOCATOR"))
        place = next(filter(None, places), None)
        if place is None:
            return None
        found.add(place[0].lower())
    return len(found) or None


def total_bytes(root: Path = reading.ROOT) -> int | None:
    """Return the memory that the kernel has, in bytes."""
    return reading.kib(root / "proc/meminfo", "MemTotal")


def swap_used_bytes(root: Path = reading.ROOT) -> int | None:
    """Return how much of the memory's content is in swap, in bytes."""
    total, free = (reading.kib(root / "proc/meminfo", name) for name in ("SwapTotal", "SwapFree"))
    return None if total is None or free is None else max(0, total - free)


def pressure_percent(root: Path = reading.ROOT) -> float | None:
    """Return for which share of the last ten seconds something waited for memory, in percent.

    Source: ``some avg10`` of the kernel's pressure stall information
    (Documentation/accounting/psi.rst).
    """
    found = re.search(
        r"^some avg10=(\d{1,3}\.\d+)", reading.text(root / "proc/pressure/memory") or "", re.M
    )
    return float(found[1]) if found else None
