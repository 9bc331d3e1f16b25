"""Repair: what can still be read of a damaged store, in a new one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edgeval.errors import StoreError
from edgeval.records.runs import Repair, RepairedRun
from edgeval.store.connection import connect
from edgeval.store.presence import require_store
from edgeval.store.rescue import Rescued, put_first_page, rescue
from edgeval.store.runs import copy_store, transaction
from edgeval.store.schema import migrate
from edgeval.store.store import Store
from edgeval.system.files import refuse_existing, replacing
from edgeval.system.temporary import temporary_folder


def repair(path: Path, out: Path | None = None) -> Repair:
    """Look for damage in a store, and write what can be read of a damaged one to a new one.

    SQLite's ``integrity_check`` looks at the indexes too, which its ``quick_check`` does not, and
    the checksums at every row. All is done on a copy: opening a file may change it. While
    another process writes to the store the copy may be damaged where the store is not.

    Scores whose run or plan cannot be read are left out, for nothing says of which model they are,
    or how they were computed.

    Sketches and divergences are left out: they are of few items, and made again from them.

    Args:
        path: The store.
        out: The new store; as a rule ``NAME-repaired.db`` beside it.

    Raises:
        EdgevalError: If there is no store, nothing of it can be read, or the new one exists or
            cannot be written.
    """
    require_store(path)
    target = out or path.with_name(f"{path.stem}-repaired{path.suffix}")
    refuse_existing(target)
    with _copy(path, target.parent) as copy:
        problems = _problems(copy, path)
        found = rescue(copy)
        if problems:
            new = copy.with_name(f"new-{copy.name}")
            Store(new).__exit__()
            put_first_page(copy, new)
            found = found.joined(rescue(copy))
            if not found.measurements:
                raise StoreError(
                    f"no run can be read in {path} ({problems[0]}); name another file with --store"
                )
        if problems or found.n_lost:
            with replacing(target) as temporary:
                _write(temporary, found)
    return Repair(
        store=str(path),
        problems=problems,
        out=str(target) if problems or found.n_lost else None,
        runs=[_repaired(number, found) for number in sorted(found.measurements)],
        n_lost=found.n_lost,
    )


def _repaired(number: int, found: Rescued) -> RepairedRun:
    planned = [set(json.loads(row[-1])) for row in found.plans.values() if row[1] == number]
    return RepairedRun(
        number=number,
        file=found.measurements[number][4],
        n_scored=sum(stored_run == number for stored_run, _ in found.scores),
        n_planned=len(set[int]().union(*planned)),
    )


@contextlib.contextmanager
def _copy(path: Path, folder: Path) -> Iterator[Path]:
    """Yield a copy of a store and of what SQLite keeps beside it; it is removed at the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder("repair", folder) as temporary:
            yield copy_store(path, temporary)
    except OSError as error:
        raise StoreError(
            f"cannot copy {path} to {folder} ({error.strerror or error}); name a file in another "
            "folder with --out"
        ) from error


def _problems(copy: Path, path: Path) -> list[str]:
    """Return what is wrong with a store, in SQLite's words or ours."""
    connection = connect(copy)
    try:
        migrate(connection, path)
        found = [str(text) for (text,) in connection.execute("PRAGMA integrity_check(10)")]
    except (sqlite3.DatabaseError, UnicodeDecodeError, StoreError) as error:
        return [str(error)]
    finally:
        connection.close()
    return [] if found == ["ok"] else found


def _write(path: Path, found: Rescued) -> None:
    """Write rows to a new store."""
    with Store(path) as store, store.connection() as connection, transaction(connection, "BEGIN"):
        for table, rows in (
            ("measurement", found.measurements),
            ("plan", found.plans),
            ("score", found.scores),
            ("stint", found.stints),
        ):
            for row in rows.values():
                places = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({places})", row)
