"""Files that are whole or absent: written under a temporary name beside them, then renamed.

And where those are that can be made again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from edgeval.errors import EdgevalError
from edgeval.progress import NoProgress, Progress

_SPARE_BYTES = 16 * 1024 * 1024


def cache_folder() -> Path:
    """Return where GGUFs are kept: ``EDGEVAL_CACHE``, or the platform's cache folder."""
    configured = os.environ.get("EDGEVAL_CACHE")
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("edgeval"))


@dataclass(frozen=True)
class FileState:
    """What changes when a file does.

    Attributes:
        device: The disk that it is on.
        inode: Its number there; another file may have it later.
        n_bytes: Its size.
        modified_ns: When its content was written, in nanoseconds; anybody may set it.
        changed_ns: When that or anything else about it was, which nobody can set. Windows has no
            such time, and gives that of its creation.
    """

    device: int
    inode: int
    n_bytes: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Return it, as the system tells it."""
        return cls(
            device=status.st_dev,
            inode=status.st_ino,
            n_bytes=status.st_size,
            modified_ns=status.st_mtime_ns,
            changed_ns=status.st_ctime_ns,
        )


def file_state(path: Path) -> FileState | None:
    """Return what changes when a file does; None if it is not there."""
    try:
        return FileState.of(path.stat())
    except OSError:
        return None


@contextlib.contextmanager
def replacing(target: Path, expected_bytes: int = 0) -> Iterator[Path]:
    """Yield a temporary path; on success it becomes the target, otherwise it is removed.

    Args:
        target: The file to make; its folder is created.
        expected_bytes: Size of the file, to find a full disk before the first byte.

    Raises:
        EdgevalError: If the folder cannot be written or its disk has too little room.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise EdgevalError(
            f"cannot create {target.parent} ({error.strerror}); choose another folder"
        ) from error
    if expected_bytes and expected_bytes + _SPARE_BYTES > free:
        raise EdgevalError(
            f"{target} needs {expected_bytes / 1e6:,.0f} MB and its disk has {free / 1e6:,.0f} MB "
            "free; free some space or choose another folder"
        )
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(target)
    except OSError as error:
        raise EdgevalError(
            f"cannot write {target} ({error.strerror or error}); "
            "nothing was changed, so free some space or choose another folder and run again"
        ) from error
    finally:
        # On Windows a file that an abandoned thread still writes cannot be removed.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(lock: Path, waiting: str, progress: Progress | None = None) -> Iterator[None]:
    """Wait for other processes that hold the same lock; a dead one holds none.

    Args:
        lock: The file of the lock; its folder is there.
        waiting: What is said where another process is waited for.
        progress: Where it is said.

    Raises:
        OSError: If the folder cannot be written.
        NotImplementedError: If its disk knows no locks.
    """
    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
    except Timeout:
        (progress or NoProgress()).log(waiting)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def refuse_existing(target: Path) -> None:
    """Raise before any work is done if the target exists.

    Raises:
        EdgevalError: If it does.
    """
    if target.exists():
        raise EdgevalError(f"{target} exists already; remove it or choose another name")


def _flush(path: Path) -> None:
    """Push the file's bytes to the disk, so that the rename never outlives them."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
