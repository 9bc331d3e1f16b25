"""Presence of a store's file, and of all that belongs to it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgeval.errors import EdgevalError, StoreError
from edgeval.system.files import require_writable

_LOG, LOCKS = "-wal", "-locks"
_PAGE_BYTES = 512
"""Of SQLite's smallest pages."""


def require_nothing_lost(path: Path) -> None:
    """Refuse to make a store where one was that has lost what it held.

    SQLite takes an empty file for a new one, and one whose log is gone for what it was before.
    edgeval's own need no log, but other versions of it, and programs that open a store, write one.

    Raises:
        StoreError: If scores were kept in it, and they are not there.
    """
    size = path.stat().st_size if path.is_file() else 0
    if 0 < size < _PAGE_BYTES:
        # SQLite takes what is shorter than a page for an empty file, and writes over it.
        raise StoreError(f"{path} is no store; name another file with --store")
    if not size and _beside(path, _LOG).is_file():
        raise StoreError(
            f"{path} is {'empty' if path.exists() else 'not there'}, and {path.name}{_LOG} with "
            "its scores is; put both files back, or name another file with --store"
        )
    if not size and path.exists() and _beside(path, LOCKS).is_dir():
        raise StoreError(
            f"{path} is empty, and scores were kept in it; put it back, or remove it to begin anew"
        )


def require_place(path: Path) -> None:
    """Refuse a place where no store could be kept, before what takes long is done for it.

    Raises:
        StoreError: If its folder cannot be written.
    """
    try:
        require_writable(path)
    except EdgevalError as error:
        raise StoreError(f"no scores could be kept in the store: {error}, with --store") from error


def require_store(path: Path) -> None:
    """Refuse to read a store that is not there, or has lost what it held.

    Raises:
        StoreError: If it is so.
    """
    require_nothing_lost(path)
    if not path.is_file():
        raise StoreError(
            f"there is no store at {path}; edgeval run and edgeval eval make one, and --store "
            "names another file"
        )
    if not path.stat().st_size:
        raise StoreError(f"{path} is empty, so it is no store; --store names another file")


def without_tables(path: Path) -> StoreError:
    """Return what to say of a database that has no tables: a store's first write makes them."""
    return StoreError(
        f"{path} holds nothing: if it is a store, its scores are in {path.name}{_LOG}, which is "
        "not beside it; put that back, or name another file with --store"
    )


@dataclass(frozen=True)
class OpenFile:
    """The file that a store was opened from: another may get its name while it is used.

    SQLite does not write to one that has lost its name (its ``SQLITE_READONLY_DBMOVED``), and goes
    on to read it.
    """

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> OpenFile:
        """Return it, as it is now.

        Raises:
            OSError: If it is not there.
        """
        found = path.stat()
        return cls(path, found.st_dev, found.st_ino)

    def is_gone(self) -> bool:
        """Return whether the name is no longer that of this file."""
        try:
            return OpenFile.of(self.path) != self
        except FileNotFoundError:
            return True
        except OSError:
            # A disk that does not answer now has lost nothing yet.
            return False

    def lost(self, connection: sqlite3.Connection) -> StoreError:
        """Return what to say, after what the file held was written to a new one beside it."""
        now = datetime.now(timezone.utc)
        saved = self.path.with_name(
            f"{self.path.stem}-saved-{now:%Y%m%dT%H%M%SZ}{self.path.suffix}"
        )
        told = f"the store {self.path} was removed or replaced while it was used"
        try:
            connection.execute("VACUUM INTO ?", (str(saved),))
        except sqlite3.Error as error:
            return StoreError(f"{told}, and what it held is lost ({error}); run the same again")
        return StoreError(
            f"{told}; what it held is in {saved}, so give that the store's name, or name it with "
            "--store, and run the same again"
        )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
