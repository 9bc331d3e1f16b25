"""Connection to a store's file that closes when it is told to."""

from __future__ import annotations

import sqlite3
import weakref
from pathlib import Path
from typing import Any


class Connection(sqlite3.Connection):
    """One that closes its cursors with it.

    An error keeps the frame that it was raised in, and that a cursor which was not read to its end.
    From Python 3.12 on, SQLite then holds the file, and its lock, until the error is collected.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors = weakref.WeakSet[sqlite3.Cursor]()

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Return the cursor of a statement that is carried out."""
        cursor = super().execute(*arguments)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        """Close the file now."""
        for cursor in self._cursors:
            cursor.close()
        super().close()


def connect(path: Path | str, timeout_s: float = 5.0) -> Connection:
    """Return a connection whose transactions are begun and ended by statements alone.

    Args:
        path: The file.
        timeout_s: How long a transaction waits for those of other processes.

    Raises:
        sqlite3.Error: If it cannot be opened.
    """
    return sqlite3.connect(path, timeout=timeout_s, isolation_level=None, factory=Connection)
