"""Reading of the small files that a kernel makes up; what is not there is None."""

from __future__ import annotations

from pathlib import Path

from edgeval.system.untrusted import printable

ROOT = Path("/")

_MOST_BYTES = 4_000_000
"""``/proc/cpuinfo`` of 1,024 CPUs has some 2 MB."""

_MOST_CPUS = 8192
"""As many a kernel can be built for (``NR_CPUS``)."""

_LONGEST_NAME = 100


def text(path: Path) -> str | None:
    """Return what a file holds, without space and NULs around it; None for nothing."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError:
        return None
    return content.decode("utf-8", errors="replace").strip(" \t\r\n\0") or None


def name(path: Path) -> str | None:
    """Return the name that a file holds: one line that can be shown."""
    found = text(path)
    return None if found is None else shown(found)


def shown(found: str) -> str | None:
    """Return a name on one line, without what moves a cursor; None for an empty one."""
    return printable(" ".join(found.split()), _LONGEST_NAME) or None


def number(path: Path) -> int | None:
    """Return the integer that a file holds."""
    found = text(path) or ""
    return int(found) if found.removeprefix("-").isdecimal() and len(found) < 20 else None


def cpus(found: str | None) -> frozenset[int]:
    """Return the CPUs of a kernel's list: ``0-3,8``."""
    parts = (part.partition("-") for part in (found or "").split(","))
    return frozenset(
        cpu
        for first, _, last in parts
        if first.isdecimal() and (last or first).isdecimal()
        for cpu in range(int(first), min(int(last or first), _MOST_CPUS - 1) + 1)
    )


def kib(path: Path, label: str) -> int | None:
    """Return the bytes that a line like ``MemTotal:  8131264 kB`` tells."""
    for line in (text(path) or "").splitlines():
        found, _, value = line.partition(":")
        words = value.split()
        if found == label and words and words[0].isdecimal():
            return int(words[0]) * 1024
    return None
