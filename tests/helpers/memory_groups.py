"""Memory groups: a process and all that it starts, held to so much memory by Linux's cgroups."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.system.cgroups import Version, folders

_OWN = {"v2": "anon", "v1": "total_rss"}
_LIMITS = {
    "v2": ("memory.max", "memory.swap.max"),
    "v1": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
}
_PEAKS = {"v2": "memory.peak", "v1": "memory.max_usage_in_bytes"}
_KILLS = {"v2": "memory.events", "v1": "memory.oom_control"}


class NoMemoryGroupError(Exception):
    """Why no group can be made here."""


@dataclass(frozen=True)
class MemoryGroup:
    """A cgroup with a limit.

    Attributes:
        folder: Where its files are.
        version: That of cgroups.
    """

    folder: Path
    version: Version

    def holding(self, line: Sequence[str]) -> list[str]:
        """Return a command line that carries out another one within the group."""
        enter = 'echo $$ > "$0" && exec "$@"'
        return ["sh", "-c", enter, str(self.folder / "cgroup.procs"), *line]

    @property
    def peak_bytes(self) -> int | None:
        """The most that its processes held with what the system kept of files for them.

        What is kept of files gives way to what a process asks for, so this reaches the limit where
        files are large. None for a kernel that does not say (before 5.19).
        """
        with contextlib.suppress(OSError):
            return int((self.folder / _PEAKS[self.version]).read_text())
        return None

    @property
    def own_bytes(self) -> int:
        """What its processes hold now that no file could give back."""
        return self._number("memory.stat", _OWN[self.version])

    @property
    def kills(self) -> int:
        """How many of its processes were ended since they had no memory left."""
        return self._number(_KILLS[self.version], "oom_kill")

    def _number(self, file: str, name: str) -> int:
        found = re.search(rf"^{name} (\d+)$", (self.folder / file).read_text(), re.MULTILINE)
        assert found is not None, (file, name)
        return int(found[1])


@contextlib.contextmanager
def memory_group(n_bytes: int) -> Iterator[MemoryGroup]:
    """Yield a new group whose processes may hold so much memory, and nothing in swap.

    It is within this process's own group if that can be, so that the limits of that one still hold.

    Raises:
        NoMemoryGroupError: If this system or user cannot make one.
    """
    group = _made(n_bytes)
    try:
        yield group
    finally:
        _remove(group.folder)


def _made(n_bytes: int) -> MemoryGroup:
    reasons = []
    for version, parent in folders("memory"):
        folder = parent / f"edgeval-{os.getpid()}-{time.monotonic_ns()}"
        try:
            folder.mkdir()
        except OSError as error:
            reasons.append(str(error))
            continue
        limit, swap = _LIMITS[version]
        try:
            (folder / limit).write_text(str(n_bytes))
            # Without swap in the kernel there is no such file.
            if (folder / swap).exists():
                (folder / swap).write_text("0" if version == "v2" else str(n_bytes))
            group = MemoryGroup(folder, version)
            subprocess.run(group.holding(["true"]), check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reasons.append(f"{parent}: {error}")
            _remove(folder)
            continue
        return group
    raise NoMemoryGroupError("; ".join(reasons) or "there are no cgroups for memory")


def _remove(folder: Path) -> None:
    # What has ended leaves a group a moment later.
    for _ in range(100):
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
    folder.rmdir()
