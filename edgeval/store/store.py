"""Scores on disk: nothing that was computed is lost, and nothing is answered for another model.

One SQLite file with nothing beside it but locks: whoever copies it has all of it. What could change
a score is the key of a measurement; scores of other keys are never looked at. Items are added as
they are scored, each transaction flushed to the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from edgeval.errors import StoreError
from edgeval.records import SelfCheck
from edgeval.records.plan import PlanInfo
from edgeval.records.score_key import ScoreKey, features_of
from edgeval.store.connection import connect
from edgeval.store.plans import StoredPlan
from edgeval.store.presence import LOCKS, OpenFile, require_nothing_lost
from edgeval.store.schema import checksum, migrate
from edgeval.store.stored_run import StoredRun
from edgeval.system.files import alone
from edgeval.system.progress import Progress

__all__ = ["PlanInfo", "ScoreKey", "Store", "StoredPlan", "StoredRun", "features_of"]

_BUSY_S = 60.0
"""How long a transaction waits for those of other processes, which take milliseconds."""
_CHECKED_BYTES = 32 * 1024 * 1024
"""Files up to this size are checked when they are opened, in 0.06 s; the larger a file is, the less
of it a run touches. Damage in what is read is found in all: by SQLite, or by the checksum of a row.
"""


class Store:
    """A file of scores; a context manager that closes it."""

    def __init__(self, path: Path | None) -> None:
        """Open a store, or make it.

        Args:
            path: The file; None for a store in memory, which is gone when it is closed.

        Raises:
            StoreError: If the file cannot be written, is damaged, another program's, or of a newer
                edgeval.
        """
        self.path = path
        self._file: OpenFile | None = None
        if path is not None:
            with self._writable():
                path.parent.mkdir(parents=True, exist_ok=True)
                require_nothing_lost(path)
        with self._explained():
            self._connection = connect(path or ":memory:", _BUSY_S)
            try:
                # With less, a machine that loses power could lose the last transaction.
                self._connection.execute("PRAGMA synchronous = EXTRA")
                self._connection.execute("PRAGMA foreign_keys = ON")
                migrate(self._connection, path or Path(":memory:"))
                _keep_in_one_file(self._connection)
                if path is not None and path.stat().st_size <= _CHECKED_BYTES:
                    _check(self._connection)
                self._file = None if path is None else OpenFile.of(path)
            except UnicodeDecodeError as error:
                # SQLite quotes what it finds in place of a table's name.
                self._connection.close()
                raise sqlite3.DatabaseError("its tables have no names any more") from error
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        with contextlib.closing(self._connection):
            if kind is None:
                self._require_there()

    def _require_there(self) -> None:
        """Refuse to go on without the file, and keep what it held.

        Raises:
            StoreError: If it is no longer where it was opened.
        """
        if self._file is not None and self._file.is_gone():
            raise self._file.lost(self._connection)

    def self_check(self, setting: ScoreKey) -> SelfCheck | None:
        """Return how close a GPU came to the CPU when it was checked; None if it was not.

        Data and protocol are not looked at: the same computation was checked on other items then.

        Raises:
            StoreError: If the file cannot be read.
        """
        key = _key(setting.computation_text)
        with self._explained():
            row = self._connection.execute(
                "SELECT found, checksum FROM self_check WHERE key = ?", (key,)
            ).fetchone()
        # What is damaged is checked again.
        with contextlib.suppress(ValueError):
            if row is not None and checksum(key, row[0]) == row[1]:
                return SelfCheck.model_validate_json(row[0])
        return None

    def add_self_check(self, setting: ScoreKey, found: SelfCheck) -> None:
        """Keep how close a GPU came to the CPU.

        Raises:
            StoreError: If the file cannot be written.
        """
        key, text = _key(setting.computation_text), found.model_dump_json()
        with self._explained():
            self._connection.execute(
                "INSERT OR REPLACE INTO self_check VALUES (?, ?, ?)",
                (key, text, checksum(key, text)),
            )

    def holds(self, setting: ScoreKey) -> bool:
        """Return whether there is a score of a setting.

        Raises:
            StoreError: If the file cannot be read.
        """
        with self._explained():
            row = self._connection.execute(
                "SELECT 1 FROM measurement JOIN score ON measurement = measurement.id "
                "WHERE key = ? LIMIT 1",
                (_key(setting.text),),
            ).fetchone()
        return row is not None

    def scored(self, setting: ScoreKey) -> set[int]:
        """Return the indices of the items that have a score of a setting; nothing is written.

        Raises:
            StoreError: If the file cannot be read.
        """
        with self._explained():
            key = _key(setting.text)
            row = self._connection.execute(
                "SELECT id FROM measurement WHERE key = ? ORDER BY attempt DESC LIMIT 1", (key,)
            ).fetchone()
            return set() if row is None else StoredRun(self._connection, row[0], key).scored()

    @contextlib.contextmanager
    def run(
        self,
        setting: ScoreKey,
        *,
        file: str,
        data: str,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[StoredRun]:
        """Yield the scores of a setting, to this process alone while the context lasts.

        Args:
            setting: What could change a score.
            file: Name of the model's file, for lists.
            data: Name of the data set, for lists.
            fresh: Whether to start over; what is there is kept, and no longer looked at.
            progress: Where it is said that another process is waited for.

        Raises:
            StoreError: If the file cannot be read or written.
        """
        content = setting.text
        key = _key(content)
        with self._explained(), self.alone(key, progress):
            (last,) = self._connection.execute(
                "SELECT max(attempt) FROM measurement WHERE key = ?", (key,)
            ).fetchone()
            attempt = 0 if last is None else last + fresh
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            row = (key, attempt, content, file, data, now)
            self._connection.execute(
                "INSERT OR IGNORE INTO measurement "
                "(key, attempt, setting, file, data, created_at, checksum) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, checksum(*row)),
            )
            number, found = self._connection.execute(
                "SELECT id, setting FROM measurement WHERE key = ? AND attempt = ?", (key, attempt)
            ).fetchone()
            if found != content:
                raise sqlite3.DatabaseError("the index of the settings has changed on the disk")
            yield StoredRun(self._connection, number, key)

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection to the file; what SQLite says becomes a sentence.

        Raises:
            StoreError: If the file cannot be read or written.
        """
        with self._explained():
            yield self._connection

    @contextlib.contextmanager
    def alone(self, key: str, progress: Progress | None = None) -> Iterator[None]:
        """Wait for other processes that have the same lock; a dead one has none."""
        if self.path is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            with self._writable():
                folder = self.path.with_name(self.path.name + LOCKS)
                folder.mkdir(exist_ok=True)
                waiting = "another edgeval is scoring this; waiting for it"
                stack.enter_context(alone(folder / f"{key[:32]}.lock", waiting, progress))
            yield

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        """Turn what the disk says into a sentence with what to do."""
        try:
            yield
        except (OSError, NotImplementedError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(
                f"the folder of the store {self.path} cannot be written or locked ({reason}); "
                "name a file on a local disk with --store"
            ) from error

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite says into a sentence with what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            self._require_there()
            # SQLite's codes for damage are those that have no class of their own.
            if type(error) is sqlite3.DatabaseError:
                raise StoreError(
                    f"the store {self.path} cannot be used ({error}); it is left as it is, so "
                    f"recover what can be read with edgeval runs repair --store {self.path}, or "
                    "name another file with --store"
                ) from error
            raise StoreError(
                f"the store {self.path} cannot be used ({error}); what it holds is left as it is, "
                "so free some space or name another file with --store"
            ) from error


def _key(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _keep_in_one_file(connection: sqlite3.Connection) -> None:
    """Bring what is in a log into the file, and write none.

    A store without its log would be as it was some time ago, and would not know.
    """
    # It stays as it is where an older edgeval has it open.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = DELETE")


def _check(connection: sqlite3.Connection) -> None:
    """Raise ``sqlite3.DatabaseError`` if pages of a file are damaged."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(found.replace("*** in database main ***", "").split()))
