"""Folder of a report: one run's alone, from before the first score to the last line shown."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from edgeval.errors import EdgevalError
from edgeval.report.record_files import RECORD_NAME
from edgeval.system.progress import NoProgress, Progress
from edgeval.system.temporary import HeldError, Hold, remove_leftovers

_UNFINISHED = ".unfinished"
"""It is in a folder while a run lasts, and says which; a run that was killed leaves it."""

_held = set[Path]()


@contextlib.contextmanager
def new_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a folder that was not there, for a report; without one it is removed again.

    Raises:
        EdgevalError: If it cannot be made.
    """
    with contextlib.ExitStack() as stack:
        if not parent.exists():
            stack.callback(_remove_empty, parent)
        for number in itertools.count(1):
            folder = parent / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError, HeldError):
                _make(folder)
                stack.enter_context(_reserved(folder, "", overwrite=False))
                break
        yield folder


@contextlib.contextmanager
def reserved(
    folder: Path, *, command: str = "", overwrite: bool = False, progress: Progress | None = None
) -> Iterator[Path]:
    """Let no other process write a report to a folder; where this one has it already, it stays so.

    Args:
        folder: It is made if it is not there, and removed if it is empty at the end.
        command: The same command may go on where it was killed.
        overwrite: Whether a report that is there is replaced, when the new one is complete.
        progress: Where it is said what was removed.

    Raises:
        EdgevalError: If it cannot be written, holds a report, or another process has it.
    """
    if folder.resolve() in _held:
        yield folder
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_reserved(folder, command, overwrite))
        except HeldError:
            raise EdgevalError(
                f"another edgeval is writing its report to {folder}; wait for it, or name another "
                "folder with --out"
            ) from None
        remove_leftovers([folder], progress or NoProgress())
        yield folder


def _make(folder: Path) -> None:
    """Make a folder that is not there.

    Raises:
        FileExistsError: If it is.
        EdgevalError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise _not_to_be_written(folder, error) from error


@contextlib.contextmanager
def _reserved(folder: Path, command: str, overwrite: bool) -> Iterator[None]:
    """Hold a folder.

    Raises:
        HeldError: If another process does.
        EdgevalError: If it cannot be written, or holds a report.
    """
    place = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hold = Hold(folder / _UNFINISHED)
    except OSError as error:
        raise _not_to_be_written(folder, error) from error
    try:
        _mark(hold, command, overwrite)
    except EdgevalError:
        # Who may not have it leaves it as it was.
        if hold.was_left:
            hold.let_go()
        else:
            hold.remove()
        raise
    _held.add(place)
    try:
        yield
    finally:
        _held.discard(place)
        hold.remove()
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    # One that holds something stays.
    with contextlib.suppress(OSError):
        folder.rmdir()


def _mark(hold: Hold, command: str, overwrite: bool) -> None:
    """Note which run has a folder, if it may have it."""
    mark = hashlib.sha256(command.encode("utf-8", "surrogateescape")).hexdigest()
    record = hold.path.with_name(RECORD_NAME)
    try:
        goes_on = hold.was_left and hold.path.read_text("ascii", "replace") == mark
        if record.exists() and not (goes_on or overwrite):
            raise EdgevalError(
                f"{record} exists already; replace it with --overwrite, or choose another folder "
                "with --out"
            )
        hold.path.write_text(mark, encoding="ascii")
    except OSError as error:
        raise _not_to_be_written(hold.path.parent, error) from error


def remove_unfinished(parent: Path, progress: Progress) -> None:
    """Remove folders of runs that were killed before they had a report.

    Args:
        parent: The folder that they are in.
        progress: Where it is said what was removed.
    """
    for mark in parent.glob(f"*/{_UNFINISHED}"):
        folder = mark.parent
        if (folder / RECORD_NAME).exists():
            continue
        with contextlib.suppress(HeldError, OSError):
            hold = Hold(mark)
            remove_leftovers([folder], progress)
            hold.remove()
            folder.rmdir()


def _not_to_be_written(folder: Path, error: OSError) -> EdgevalError:
    return EdgevalError(
        f"cannot write to {folder} ({error.strerror or error}); name another folder with --out"
    )
