"""Control groups, of which Linux has two versions: the folders of those that a process is in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Version = Literal["v1", "v2"]


def folders(controller: str, root: Path = Path("/")) -> Iterator[tuple[Version, Path]]:
    """Yield version and folder of each cgroup: this process's and all above it.

    Args:
        controller: What limits it: ``cpu`` or ``memory``.
        root: Where ``proc`` and ``sys`` are.
    """
    mounts = dict(_mounts(controller, root))
    with contextlib.suppress(OSError):
        for line in _lines(root / "proc/self/cgroup"):
            _, controllers, place = line.split(":", 2)
            version: Version = "v1" if controllers else "v2"
            is_meant = not controllers or controller in controllers.split(",")
            if is_meant and version in mounts:
                inner, mounted = mounts[version]
                yield from ((version, each) for each in _up(inner, mounted, place))


def _up(inner: str, mounted: Path, place: str) -> Iterator[Path]:
    """Yield a cgroup's folder and those above it, as far as they are mounted here."""
    inside = place[len(inner) :] if place.startswith(inner.rstrip("/") + "/") else place
    folder = mounted / inside.strip("/")
    # A container may see its own cgroup where it thinks that all are.
    folder = folder if folder.is_dir() else mounted
    yield folder
    yield from (each for each in folder.parents if each.is_relative_to(mounted))


def _mounts(controller: str, root: Path) -> Iterator[tuple[Version, tuple[str, Path]]]:
    """Yield for each version which cgroup is mounted for a controller, and where."""
    with contextlib.suppress(OSError):
        for line in _lines(root / "proc/self/mountinfo"):
            before, _, after = line.partition(" - ")
            _, _, _, inner, mounted = before.split(" ")[:5]
            kind, _, options = after.split(" ")[:3]
            place = (inner, root / mounted.strip("/"))
            if kind == "cgroup2":
                yield "v2", place
            elif kind == "cgroup" and controller in options.split(","):
                yield "v1", place


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
