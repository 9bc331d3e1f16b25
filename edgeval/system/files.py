"""Files that are whole or absent: written under a temporary name beside them, then renamed.

And where those are that can be made again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgeval.errors import EdgevalError
from edgeval.system.progress import NoProgress, Progress
from edgeval.system.temporary import temporary_file

GGUF_FOLDER, HASH_FOLDER, KERNEL_FOLDER = "gguf", "hashes", "kernels"
"""Folders of the cache: GGUFs of ladders, hashes of large files, trials of the CPU's kernels."""

_OPEN = re.compile(r"/dev/(stdout|stderr)|/(?:dev|proc/self)/fd/(\d+)")
_STANDARD = {"stdout": 1, "stderr": 2}

_SPARE_BYTES = 16 * 1024 * 1024


def cache_folder() -> Path:
    """Return where GGUFs are kept: ``EDGEVAL_CACHE``, or the platform's cache folder."""
    if configured := os.environ.get("EDGEVAL_CACHE"):
        return Path(configured).expanduser()
    import platformdirs  # Who names a folder needs none of the platform's.

    return Path(platformdirs.user_cache_dir("edgeval"))


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

    A link stays, and the file that it leads to is replaced. What is no file of this user (a pipe, a
    device, another's file) is written to when all is there.

    Args:
        target: The file to make; its folder is created.
        expected_bytes: Size of the file, to find a full disk before the first byte.

    Raises:
        EdgevalError: If the file or its folder cannot be written or its disk has too little room.
    """
    place = _place(target)
    folder = place.parent if place else Path(tempfile.gettempdir())
    _require_room(folder, expected_bytes, target)
    try:
        with temporary_file(folder, target.name) as temporary:
            yield temporary.path
            if place is None:
                _pour(temporary.path, target)
                return
            _flush(temporary.path)
            if place.exists():
                shutil.copymode(place, temporary.path)
            temporary.rename(place)
    except OSError as error:
        raise EdgevalError(
            f"cannot write {target} ({error.strerror or error}); "
            "nothing was changed, so free some space or choose another folder and run again"
        ) from error


def _place(target: Path) -> Path | None:
    """Return the file that is replaced; None if the target is written to instead.

    Raises:
        EdgevalError: If the target is a folder, or cannot be looked at.
    """
    try:
        found = target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Path(os.path.realpath(target))
    except OSError as error:
        raise _not_to_be_written(target, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise EdgevalError(f"{target} is a folder; name a file")
    return Path(os.path.realpath(target)) if _may_be_replaced(target, found) else None


def _may_be_replaced(target: Path, found: os.stat_result) -> bool:
    """Return whether a file is this user's, and not one that a shell has open.

    A new file would have another owner, and what a shell reads or writes would not be it.
    """
    is_ours = sys.platform == "win32" or found.st_uid == os.geteuid()
    is_open = target.absolute().parts[1:2] in (("dev",), ("proc",)) and os.name == "posix"
    return stat.S_ISREG(found.st_mode) and is_ours and not is_open


def _pour(source: Path, target: Path) -> None:
    """Write a file's bytes to what is no file, or to what a shell has open.

    Raises:
        EdgevalError: If they cannot be written.
    """
    try:
        with source.open("rb") as full, _opened(target) as file:
            shutil.copyfileobj(full, file)
    except OSError as error:
        raise _not_to_be_written(target, error) from error


def _opened(target: Path) -> IO[bytes]:
    """Return what is written to; what this process has open already goes on where it is."""
    if (found := _OPEN.fullmatch(str(target.absolute()))) and os.name == "posix":
        sys.stdout.flush()
        return os.fdopen(os.dup(_STANDARD[found[1]] if found[1] else int(found[2])), "wb")
    return target.open("wb")


def _require_room(folder: Path, expected_bytes: int, target: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise EdgevalError(
            f"cannot create {folder} ({error.strerror}); choose another folder"
        ) from error
    if expected_bytes and expected_bytes + _SPARE_BYTES > free:
        raise EdgevalError(
            f"{target} needs {expected_bytes / 1e6:,.0f} MB and its disk has {free / 1e6:,.0f} MB "
            "free; free some space or choose another folder"
        )


def _not_to_be_written(target: Path, error: OSError) -> EdgevalError:
    return EdgevalError(
        f"cannot write {target} ({error.strerror or error}); choose another folder or name"
    )


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
    from filelock import FileLock, Timeout  # Who only reads locks nothing.

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


def others_have(lock: Path) -> bool:
    """Return whether another process holds a lock; nothing is made where there is none."""
    if not lock.exists():
        return False
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
    except (Timeout, OSError, NotImplementedError):
        return True
    held.release()
    return False


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    write_files({target: text})


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Write files, texts in UTF-8: all of them, whole, or none.

    Raises:
        EdgevalError: If one cannot be written.
    """
    with contextlib.ExitStack() as stack:
        for target, content in contents.items():
            temporary = stack.enter_context(replacing(target))
            try:
                if isinstance(content, bytes):
                    temporary.write_bytes(content)
                else:
                    temporary.write_text(content, encoding="utf-8", newline="\n")
                _flush(temporary)
            except OSError as error:
                raise _not_to_be_written(target, error) from error


def refuse_existing(target: Path) -> None:
    """Raise before any work is done if a file is there, or cannot be made.

    Pipes and devices may be there: they are written to.

    Raises:
        EdgevalError: If it is so.
    """
    if target.is_dir():
        raise EdgevalError(f"{target} is a folder; name a file")
    if target.is_file() and _place(target) is not None:
        raise EdgevalError(f"{target} exists already; remove it or choose another name")
    require_writable(target)


def is_stream(target: Path) -> bool:
    """Return whether a target is a pipe, a device or what a shell has open, and no file to replace.

    Raises:
        EdgevalError: If it is a folder, or cannot be looked at.
    """
    return _place(target) is None


def require_writable(target: Path) -> None:
    """Raise before any work is done if a file cannot be written; its folder is made.

    Raises:
        EdgevalError: If it cannot.
    """
    place = _place(target)
    if place is None:
        if not os.access(target, os.W_OK):
            raise EdgevalError(f"cannot write {target} (Permission denied); choose another name")
        return
    _require_room(place.parent, 0, target)
    try:
        with temporary_file(place.parent, target.name):
            pass
    except OSError as error:
        raise _not_to_be_written(target, error) from error


def _flush(path: Path) -> None:
    """Push the file's bytes to the disk, so that the rename never outlives them."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
