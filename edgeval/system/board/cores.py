"""Cores of a machine by kind, with their largest clocks."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from edgeval.system.board import reading, sysctl
from edgeval.system.board.arm_parts import core_name

Kind = Literal["performance", "efficiency"]

_SYSTEM = "sys/devices/system/cpu"

_SMALL = 0.5
"""Share of the largest capacity below which a core is one for efficiency. A Cortex-A55 beside a
Cortex-A76 has 0.4; tiers of large cores differ by less."""


@dataclass(frozen=True)
class Cores:
    """Cores of one kind.

    Attributes:
        count: How many there are.
        name: What their maker calls them, where a system tells.
        kind: What they are for, where a machine has several kinds.
        max_mhz: The largest clock of any of them.
        cpus: The logical CPUs of each; empty where they are not known.
    """

    count: int
    name: str | None = None
    kind: Kind | None = None
    max_mhz: int | None = None
    cpus: tuple[frozenset[int], ...] = ()

    def n_within(self, allowed: Set[int] | None) -> int:
        """Return how many of them a process may use that is held to some CPUs; None for all."""
        if allowed is None or not self.cpus:
            return self.count
        return sum(1 for each in self.cpus if each & allowed)


@functools.cache
def cores(root: Path = reading.ROOT) -> tuple[Cores, ...]:
    """Return the cores by kind, the fastest first; empty where nothing is known."""
    groups: dict[tuple[str | None, Kind | None], list[frozenset[int]]] = defaultdict(list)
    names, kinds = _names(root), _kinds(root)
    for siblings in _siblings(root):
        first = min(siblings)
        groups[names.get(first), kinds.get(first)].append(siblings)
    found = [
        Cores(len(cpus), name, kind, _max_mhz(root, cpus), tuple(cpus))
        for (name, kind), cpus in groups.items()
    ]
    found = found if kinds else _by_capacity(root, found)
    if not found:
        return _of_macos(sysctl.values())
    return tuple(sorted(found, key=lambda each: (each.kind or "", each.max_mhz or 0), reverse=True))


def _siblings(root: Path) -> list[frozenset[int]]:
    """Return the logical CPUs of each core that is switched on."""
    found = set()
    for cpu in reading.cpus(reading.text(root / _SYSTEM / "online")):
        folder = root / _SYSTEM / f"cpu{cpu}" / "topology"
        # The second is the older name (Documentation/admin-guide/cputopology.rst).
        both = (reading.text(folder / each) for each in ("core_cpus_list", "thread_siblings_list"))
        found.add(reading.cpus(next(filter(None, both), None)) or frozenset({cpu}))
    return sorted(found, key=min)


def _names(root: Path) -> dict[int, str | None]:
    """Return the names of Arm's and RISC-V's cores by logical CPU."""
    found: dict[int, str | None] = {}
    for block in (reading.text(root / "proc/cpuinfo") or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        cpu = fields.get("processor", "")
        if cpu.isdecimal():
            implementer, part = fields.get("CPU implementer", ""), fields.get("CPU part", "")
            named = core_name(implementer, part) or fields.get("uarch", "")
            found[int(cpu)] = reading.shown(named)
    return found


def _kinds(root: Path) -> dict[int, Kind]:
    """Return the kinds of Intel's cores by logical CPU: each has counters of its own."""
    folders: tuple[tuple[str, Kind], ...] = (
        ("cpu_core", "performance"),
        ("cpu_atom", "efficiency"),
        ("cpu_lowpower", "efficiency"),
    )
    found: dict[int, Kind] = {}
    for name, kind in folders:
        listed = reading.text(root / "sys/devices" / name / "cpus")
        found |= dict.fromkeys(reading.cpus(listed), kind)
    return found


def _max_mhz(root: Path, cpus: Sequence[frozenset[int]]) -> int | None:
    files = (root / _SYSTEM / f"cpu{min(each)}/cpufreq/cpuinfo_max_freq" for each in cpus)
    clocks = [khz for khz in map(reading.number, files) if khz]
    return round(max(clocks) / 1000) if clocks else None


def _by_capacity(root: Path, found: list[Cores]) -> list[Cores]:
    """Return cores with their kinds, where capacities tell them apart.

    The most capable one has 1024 (Documentation/devicetree/bindings/cpu/cpu-capacity.txt).
    """
    capacities = [max(_capacity(root, min(cpus)) for cpus in each.cpus) for each in found]
    bar = _SMALL * max(capacities, default=0)
    if not any(0 < each < bar for each in capacities) or 0 in capacities:
        return found
    return [
        replace(each, kind="efficiency" if capacity < bar else "performance")
        for each, capacity in zip(found, capacities, strict=True)
    ]


def _capacity(root: Path, cpu: int) -> int:
    return reading.number(root / _SYSTEM / f"cpu{cpu}/cpu_capacity") or 0


def _of_macos(values: dict[str, str]) -> tuple[Cores, ...]:
    """Return the levels of cores that macOS tells of; the first one has the fastest."""
    found = []
    for level in range(3):
        count = values.get(f"hw.perflevel{level}.physicalcpu", "")
        if count.isdecimal() and int(count):
            name = reading.shown(values.get(f"hw.perflevel{level}.name", ""))
            kind: Kind = "efficiency" if level else "performance"
            found.append(Cores(int(count), name, kind))
    return tuple(found) if len(found) > 1 else ()
