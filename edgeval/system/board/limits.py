"""Limits of a container, a service or a batch job: they bind before what the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeval.system import cgroups
from edgeval.system.board import memory, reading


@dataclass(frozen=True)
class Limits:
    """What this process may use.

    Attributes:
        cpus: So many CPUs' worth of time; None for all.
        memory_bytes: So much memory; None for all of the machine's.
    """

    cpus: float | None = None
    memory_bytes: int | None = None


def limits(root: Path = reading.ROOT) -> Limits:
    """Return the tightest limits of this process's cgroup and all above it.

    Sources: the kernel's ``cgroup-v2.rst``, ``scheduler/sched-bwc.rst`` and
    ``cgroup-v1/memory.rst``.
    """
    total = memory.total_bytes(root) or 2**62  # Version 1 says nearly 2**63 for no limit.
    return Limits(
        cpus=min(_cpus(root), default=None),
        memory_bytes=min((each for each in _memory(root) if each < total), default=None),
    )


def _cpus(root: Path) -> Iterator[float]:
    for version, folder in cgroups.folders("cpu", root):
        if version == "v2":
            quota, _, period = (reading.text(folder / "cpu.max") or "").partition(" ")
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = (reading.text(folder / name) or "" for name in names)
        if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
            yield int(quota) / int(period)


def _memory(root: Path) -> Iterator[int]:
    names = {"v2": "memory.max", "v1": "memory.limit_in_bytes"}
    for version, folder in cgroups.folders("memory", root):
        if limit := reading.number(folder / names[version]):
            yield limit
