"""Free memory that this process may still take: the tightest of all limits.

Containers, services and batch systems limit memory by cgroups, of which Linux has two versions, and
shells by ``ulimit -v``. Who takes more is killed, or refused, while the machine has plenty.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from edgeval.system.cgroups import folders

if sys.platform != "win32":
    import resource

_FILES = {
    "v2": ("memory.max", "memory.current", "inactive_file", "active_file"),
    "v1": (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
        "total_active_file",
    ),
}
"""For each version of cgroups where it has the limit and what is taken, and what the lines of
``memory.stat`` are called that say how much of that is of files, which gives way (the kernel's
``cgroup-v2.rst`` and ``cgroup-v1/memory.rst``)."""

_ROOT = Path("/")


@dataclass(frozen=True)
class Available:
    """What may still be taken.

    Attributes:
        n_bytes: So many bytes, at most.
        words: Whose they are, for use behind the number: ``of memory are free``.
        remedy: What gives more.
    """

    n_bytes: int
    words: str
    remedy: str


def available() -> Available:
    """Return what this process and those that it starts may still take."""
    free = psutil.virtual_memory().available
    found = [Available(free, "of memory are free", "close other programs")]
    for limit, taken in _cgroups():
        words = f"are left of the {limit / 1e6:,.0f} MB that this container or service may take"
        found.append(Available(limit - taken, words, "raise its limit of memory"))
    for left in _address_space():
        words = "are left of what this shell lets a process take"
        found.append(Available(left, words, "raise its limit, which ulimit -v shows"))
    least = min(found, key=lambda each: each.n_bytes)
    return replace(least, n_bytes=max(0, least.n_bytes))


def _address_space() -> Iterator[int]:
    """Yield what is left of the address space, where it is limited."""
    if sys.platform == "win32":
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield limit - psutil.Process().memory_info().vms


def _cgroups() -> Iterator[tuple[int, int]]:
    """Yield limit and what is taken of it, of each cgroup that this process is in."""
    for version, folder in folders("memory", _ROOT):
        limit_file, taken_file, *of_files = _FILES[version]
        try:
            limit = (folder / limit_file).read_text(encoding="ascii").strip()
            taken = int((folder / taken_file).read_text(encoding="ascii"))
            lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            continue
        stat = dict(line.split()[:2] for line in lines if " " in line)
        if limit.isdigit():
            yield int(limit), taken - sum(int(stat.get(name, 0)) for name in of_files)
