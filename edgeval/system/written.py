"""Written bytes: how much a command and what it started sent to its disks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil

_LINE = re.compile(r"^write_bytes: (\d{1,18})$", re.MULTILINE)


def written_bytes(root: Path = Path("/")) -> int | None:
    """Return how many bytes this process and those that it started have sent to disks so far.

    Whole pages count, once each time that they are written to. What a file system writes for itself
    does not, and neither does a file in memory (tmpfs). Only Linux says it: Windows counts pipes
    too, and macOS does not tell.

    Source: ``write_bytes`` of ``/proc/PID/io`` (proc_pid_io(5)), to which the kernel adds that of
    each child that has ended.

    Args:
        root: Where ``proc`` is.

    Returns:
        None where nobody says it.
    """
    if sys.platform != "linux":
        return None
    own = _of(root / "proc/self/io")
    if own is None:
        return None
    children = psutil.Process().children(recursive=True)
    return own + sum(_of(root / f"proc/{child.pid}/io") or 0 for child in children)


def _of(path: Path) -> int | None:
    try:
        found = _LINE.search(path.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None
    return int(found[1]) if found else None
