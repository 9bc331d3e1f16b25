"""Storage: on what kind of disk a folder is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from edgeval.system.board import reading

_DEEPEST = 8
"""Encrypted and logical volumes that are made of each other."""

_KINDS = (
    (("nvme",), "NVMe SSD"),
    (("zram", "ram"), "memory"),
    (("vd", "xvd"), "virtual disk"),
    (("nbd", "rbd"), "network"),
)
"""What disks are by the beginnings of their names."""

_FILE_SYSTEMS = {
    **dict.fromkeys(("tmpfs", "ramfs"), "memory"),
    **dict.fromkeys(("nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.sshfs"), "network"),
}
"""Those that are on no disk."""


def storage_kind(path: Path, root: Path = reading.ROOT) -> str | None:
    """Return what a file or folder is kept on: ``SD card``, ``NVMe SSD`` or ``hard disk``.

    Args:
        path: It; if it does not exist yet, what it will be made in.
        root: Where the kernel's files are.
    """
    if sys.platform == "win32":
        return None
    try:
        nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
        device, nearest = nearest.stat().st_dev, nearest.resolve()
    except (OSError, StopIteration):
        return None
    known = root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    return _of_block(known) if known.exists() else _of_mount(nearest, root)


def _of_block(block: Path) -> str | None:
    """Return the kind of a disk or of a part of one, by its folder in sysfs."""
    disk = _disk(block)
    name = disk.name
    if name.startswith("mmcblk"):
        # Documentation/driver-api/mmc/mmc-dev-attrs.rst.
        return {"SD": "SD card", "MMC": "eMMC"}.get(reading.text(disk / "device/type") or "")
    if "/usb" in disk.as_posix():
        return "USB drive"
    for begins, kind in _KINDS:
        if name.startswith(begins):
            return kind
    if name.startswith("loop"):
        return None
    return {0: "SSD", 1: "hard disk", None: None}.get(reading.number(disk / "queue/rotational"))


def _disk(block: Path) -> Path:
    """Return the disk that a partition, or a volume of several layers, is on."""
    for _ in range(_DEEPEST):
        block = block.resolve()
        if (block / "partition").exists():
            return block.parent
        below = sorted(_entries(block / "slaves"))
        if not below:
            return block
        block = below[0]
    return block


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _of_mount(path: Path, root: Path) -> str | None:
    """Return the kind of what is mounted where a file is; some file systems have several disks."""
    mounts = [each for each in _mounts(root) if path.is_relative_to(each[0])]
    if not mounts:
        return None
    _, file_system, source = max(mounts, key=lambda each: len(each[0].parts))
    if file_system in _FILE_SYSTEMS:
        return _FILE_SYSTEMS[file_system]
    block = root / "sys/class/block" / Path(source).name
    return _of_block(block) if source.startswith("/dev/") and block.exists() else None


def _mounts(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield place, file system and source of each mount (``proc_pid_mountinfo(5)``)."""
    for line in (reading.text(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if len(place) > 4 and len(kind) > 1:
            yield Path(place[4].replace(r"\040", " ")), kind[0], kind[1]
