"""Schema: the tables of the store, and how an older store becomes one of this version."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from edgeval.errors import StoreError
from edgeval.store.presence import without_tables
from edgeval.system.untrusted import printable

_APPLICATION_ID = 0x65647631
"""SQLite's mark of whose file it is: ``edv1``."""

_MIGRATIONS = (
    (
        """CREATE TABLE measurement (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            setting TEXT NOT NULL,
            file TEXT NOT NULL,
            data TEXT NOT NULL,
            created_at TEXT NOT NULL,
            checksum INTEGER NOT NULL,
            UNIQUE (key, attempt)
        )""",
        """CREATE TABLE plan (
            id INTEGER PRIMARY KEY,
            measurement INTEGER NOT NULL REFERENCES measurement ON DELETE CASCADE,
            facts TEXT NOT NULL,
            device TEXT NOT NULL,
            tokens_decoded INTEGER NOT NULL,
            logit_rows INTEGER NOT NULL,
            elapsed_s REAL NOT NULL,
            checksum INTEGER NOT NULL,
            items_checksum INTEGER NOT NULL,
            items TEXT NOT NULL
        )""",
        """CREATE TABLE score (
            measurement INTEGER NOT NULL REFERENCES measurement ON DELETE CASCADE,
            item INTEGER NOT NULL,
            plan INTEGER NOT NULL REFERENCES plan ON DELETE CASCADE,
            score TEXT NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (measurement, item)
        ) WITHOUT ROWID""",
        """CREATE TABLE file_hash (
            path TEXT PRIMARY KEY,
            identity TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE sketch (
            measurement INTEGER NOT NULL REFERENCES measurement ON DELETE CASCADE,
            item INTEGER NOT NULL,
            packed BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (measurement, item)
        )""",
        """CREATE TABLE divergence (
            measurement INTEGER NOT NULL REFERENCES measurement ON DELETE CASCADE,
            reference TEXT NOT NULL,
            item INTEGER NOT NULL,
            n_positions INTEGER NOT NULL,
            kl_sum REAL NOT NULL,
            n_same_top INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (measurement, reference, item)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE self_check (
            key TEXT PRIMARY KEY,
            found TEXT NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE stint (
            id INTEGER PRIMARY KEY,
            plan INTEGER NOT NULL REFERENCES plan ON DELETE CASCADE,
            speed TEXT NOT NULL,
            checksum INTEGER NOT NULL
        )""",
        "CREATE INDEX stint_of_plan ON stint (plan)",
    ),
    (
        "ALTER TABLE divergence ADD COLUMN remainder_sum REAL",
        "ALTER TABLE divergence ADD COLUMN rest_sum REAL",
        "ALTER TABLE divergence ADD COLUMN rest_variance REAL",
    ),
    ("ALTER TABLE divergence ADD COLUMN by_range TEXT",),
)
"""For each version, what makes the version before it this one. Entries are never changed.

``file_hash`` is empty in new stores: hashes are remembered in the cache folder.

Divergences of before version 6 have no ranges, and those of before version 5 no remainder. Their
checksums do not hold with them: they are computed again.

Rows have checksums, since SQLite's pages have none. A plan's items are its last column: a long list
goes to pages of its own, and whatever becomes of those, the rest of the row is still there.
"""

SCHEMA_VERSION = len(_MIGRATIONS)


def checksum(*values: object) -> int:
    """Return the CRC-32 of values, as text with a zero byte between them."""
    return zlib.crc32("\0".join(map(str, values)).encode())


@contextlib.contextmanager
def as_written(what: str) -> Iterator[None]:
    """Hold what is read of a row to be what edgeval writes: who has made a file has checksums, too.

    Raises:
        sqlite3.DatabaseError: If it is something else.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise sqlite3.DatabaseError(f"{what} is none that edgeval writes") from error


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a store, new or old, to this version, in one transaction.

    Raises:
        StoreError: If the file is another program's, of a newer edgeval, or has lost its tables.
    """
    _refuse_programs(connection, path)
    if _version(connection, path) == SCHEMA_VERSION:
        return
    # In one statement: another process may make the tables just now.
    n_tables, n_pages = connection.execute(
        "SELECT count(*), (SELECT page_count FROM pragma_page_count) FROM sqlite_master"
    ).fetchone()
    if n_pages and not n_tables:
        raise without_tables(path)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been faster.
        for statements in _MIGRATIONS[_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _refuse_programs(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file of others that computes when it is read: a query on a view may never end.

    As https://sqlite.org/security.html advises for files from elsewhere.
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index') "
        "OR sql LIKE 'CREATE VIRTUAL%' OR sql LIKE '%GENERATED ALWAYS%' LIMIT 1"
    ).fetchone()
    if found is not None:
        raise StoreError(
            f"{path} has '{printable(str(found[0]), 60)}', a view, a trigger or another thing that "
            "computes, which no edgeval makes; name another file with --store"
        )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if n_tables and owner != _APPLICATION_ID:
        raise StoreError(f"{path} is another program's database; name another file with --store")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer edgeval (its tables have version {version}, this one "
            f"knows {SCHEMA_VERSION}); install that one, or name another file with --store"
        )
    return int(version)
