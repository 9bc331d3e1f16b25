"""Temporary files and folders, which no process leaves for good.

Who is killed removes nothing. So a process holds what it makes with a lock, which ends with it
however it ends; what nobody holds is removed by whoever comes next.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeval.system.progress import Progress

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".edgeval-tmp"
_NAME = re.compile(rf"\..+\.[0-9a-f]{{8}}{re.escape(_SUFFIX)}", re.DOTALL)
_LONGEST_STEM = 40
"""Characters of a name that its temporary one keeps: file systems allow 255 bytes in all."""
_HELD = "held"
"""The file that stands for a temporary folder: folders have no locks everywhere."""
_YOUNG_S = 2.0
"""Whoever makes a file holds it a moment later."""


class HeldError(Exception):
    """Another process holds a file."""


class Hold:
    """A file that this process alone holds, until it ends or lets go.

    Windows lets nobody remove a file that another process has open; elsewhere a lock tells.
    """

    def __init__(self, path: Path) -> None:
        """Hold a file; it is made if it is not there.

        Args:
            path: The file.

        Raises:
            HeldError: If another process holds it.
            OSError: If it cannot be made.
        """
        self.path = path
        self.was_left = path.exists()
        if sys.platform == "win32":
            _require_free(path)
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._lock()
        except BaseException:
            self.let_go()
            raise

    def _lock(self) -> None:
        if sys.platform == "win32" or self._file is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldError(self.path) from None
        except OSError:
            # A disk that knows no locks: nobody can tell that this process has ended.
            return
        if not self._is_named():
            # It was removed between the two calls, as one that nobody held.
            raise HeldError(self.path)

    def _is_named(self) -> bool:
        try:
            here = self.path.stat()
        except OSError:
            return False
        assert self._file is not None
        return os.path.samestat(here, os.fstat(self._file))

    def let_go(self) -> None:
        """Hold it no longer; it stays where it is."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def rename(self, target: Path) -> None:
        """Give it another name, in place of what has that name."""
        if sys.platform == "win32":
            # An open file cannot be renamed there.
            self.let_go()
        self.path.replace(target)

    def remove(self) -> None:
        """Remove it, unless it was renamed, and hold it no longer."""
        if sys.platform == "win32":
            self.let_go()
        # On Windows a file that an abandoned thread still writes cannot be removed.
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.let_go()


def _require_free(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        raise HeldError(path) from None


@contextlib.contextmanager
def temporary_file(folder: Path, name: str) -> Iterator[Hold]:
    """Yield a new empty file in a folder; it is removed at the end, unless it was renamed.

    Args:
        folder: The folder, which is there.
        name: What the file will be called.

    Raises:
        OSError: If it cannot be made.
    """
    hold = _new(folder, name)
    try:
        yield hold
    finally:
        hold.remove()


def _new(folder: Path, name: str) -> Hold:
    while True:
        # Another process may look at a file between its making and its locking.
        with contextlib.suppress(HeldError):
            return Hold(folder / _new_name(name))


@contextlib.contextmanager
def temporary_folder(purpose: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder; it is removed at the end, with all that is in it.

    Args:
        purpose: A word for its name.
        parent: Where it is made; by default where the system has such folders.

    Raises:
        OSError: If it cannot be made.
    """
    folder = (parent or Path(tempfile.gettempdir())) / _new_name(purpose)
    folder.mkdir(mode=0o700)
    try:
        hold = Hold(folder / _HELD)
        try:
            yield folder
        finally:
            hold.let_go()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_name(name: str) -> str:
    return f".{name[:_LONGEST_STEM]}.{secrets.token_hex(4)}{_SUFFIX}"


@dataclass(frozen=True)
class Leftover:
    """A temporary file or folder whose process is gone.

    Attributes:
        path: Where it is.
        n_bytes: What it takes on the disk.
    """

    path: Path
    n_bytes: int


def leftovers(folder: Path) -> list[Leftover]:
    """Return what ended processes left in a folder; nothing is removed."""
    return [Leftover(path, _size(path)) for path in _temporaries(folder) if _held_by_nobody(path)]


def remove_leftovers(folders: Iterable[Path], progress: Progress) -> list[Leftover]:
    """Remove what ended processes left in folders, and say so.

    Args:
        folders: The folders; what is deeper is not looked at.
        progress: Where it is said.

    Returns:
        What was removed.
    """
    found = [each for folder in dict.fromkeys(folders) for each in leftovers(folder)]
    for each in found:
        _remove(each.path)
        progress.log(
            f"removed {each.path} ({each.n_bytes / 1e6:,.1f} MB), which a run that was killed left"
        )
    return found


def _temporaries(folder: Path) -> list[Path]:
    """Return the temporary files and folders of this user in a folder."""
    try:
        with os.scandir(folder) as entries:
            named = [entry for entry in entries if _NAME.fullmatch(entry.name)]
            return sorted(Path(entry.path) for entry in named if _is_ours(entry))
    except OSError:
        return []


def _is_ours(entry: os.DirEntry[str]) -> bool:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    is_kind = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return is_kind and (sys.platform == "win32" or found.st_uid == os.geteuid())


def _held_by_nobody(path: Path) -> bool:
    """Return whether the process that made a file or folder has ended."""
    held = path / _HELD if path.is_dir() else path
    if sys.platform == "win32":
        return _is_free_on_windows(held)
    if not held.exists():
        return _is_old(path)
    try:
        file = os.open(held, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(file)


def _is_free_on_windows(held: Path) -> bool:
    if not _is_old(held.parent if held.name == _HELD else held):
        return False
    try:
        # What somebody has open keeps its name there.
        held.rename(held)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _YOUNG_S
    except OSError:
        return False


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in files:
        with contextlib.suppress(OSError):
            total += file.lstat().st_size
    return total


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
