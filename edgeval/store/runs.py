"""Runs of a store: each is one GGUF under one key, with the items scored so far."""

from __future__ import annotations

import contextlib
import operator
import os
import shutil
import sqlite3
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edgeval.errors import StoreError
from edgeval.records import Speed
from edgeval.records.runs import Run, RunDetails, RunPlan
from edgeval.records.score_key import ScoreKey
from edgeval.store.plans import StoredPlan
from edgeval.store.presence import require_store
from edgeval.store.schema import as_written, checksum
from edgeval.store.stints import rest
from edgeval.store.store import Store
from edgeval.store.stored_run import StoredRun
from edgeval.system.progress import Progress
from edgeval.system.temporary import temporary_folder
from edgeval.system.untrusted import require_moment
from edgeval.tasks import registry

_COLUMNS = ("key", "attempt", "setting", "file", "data", "created_at")


def list_runs(path: str | Path) -> list[Run]:
    """Return the runs of a store, the oldest first.

    Raises:
        StoreError: If there is no store, or it cannot be read.
    """
    with readable(Path(path)) as connection:
        return _runs(connection)


def show_run(path: Path, number: int) -> RunDetails:
    """Return what a store holds of a run.

    Raises:
        StoreError: If there is no such run, or the store cannot be read.
    """
    with readable(path) as connection, transaction(connection, "BEGIN"):
        row, stored_run = row_of(connection, path, number)
        run = next(each for each in _runs(connection) if each.number == number)
        scores, plans = stored_run.packed_scores(), stored_run.plans()
        stints = stored_run.stints.of_plans()
    plan_of = [plan for plan, _ in scores.values()]
    return RunDetails(
        **dict(run),
        setting=ScoreKey.model_validate_json(row["setting"]),
        items=sorted(scores),
        plans=[_run_plan(each, plan_of.count(each.id), stints.get(each.id, [])) for each in plans],
    )


@dataclass(frozen=True)
class FileRun:
    """A run of a file: what its setting is, and what the store holds of it.

    Attributes:
        setting: All that could change a score.
        file: Name of the model's file.
        data: Name of the data set.
        created_at: When it was begun, in UTC.
        run: Its plans and scores, while the store is open.
    """

    setting: ScoreKey
    file: str
    data: str
    created_at: datetime
    run: StoredRun


def runs_of_files(connection: sqlite3.Connection, hashes: Container[str]) -> list[FileRun]:
    """Return the runs of files by their hashes, of each setting the latest; the oldest first.

    Raises:
        sqlite3.DatabaseError: If a run has changed on the disk.
    """
    latest: dict[str, FileRun] = {}
    for row in sorted(_rows(connection), key=lambda row: row["attempt"]):
        found = _file_run(connection, row)
        if found.setting.gguf_sha256 in hashes:
            latest[row["key"]] = found
    return sorted(latest.values(), key=lambda each: each.created_at)


def newest_runs(
    connection: sqlite3.Connection, most: int, is_wanted: Callable[[FileRun], bool]
) -> tuple[list[FileRun], int]:
    """Return the newest runs that have a score, the oldest first, and how many were left out.

    Args:
        connection: That of the store.
        most: How many are returned at most.
        is_wanted: Tells which; others are not counted.

    Raises:
        sqlite3.DatabaseError: If a run has changed on the disk.
    """
    rows = (_file_run(connection, row) for row in _rows(connection))
    wanted = sorted(filter(is_wanted, rows), key=lambda each: (each.created_at, each.run.number))
    with_scores = [each for each in wanted if each.run.n_scores()]
    return with_scores[-most:], max(0, len(with_scores) - most)


def _file_run(connection: sqlite3.Connection, row: dict[str, Any]) -> FileRun:
    return FileRun(
        setting=ScoreKey.model_validate_json(row["setting"]),
        file=row["file"],
        data=row["data"],
        created_at=datetime.fromisoformat(row["created_at"]),
        run=StoredRun(connection, row["id"], row["key"]),
    )


def delete_run(path: Path, number: int, *, progress: Progress | None = None) -> None:
    """Remove a run with its plans and scores; waits for an evaluation that adds to it.

    Raises:
        StoreError: If there is no such run, or the store cannot be written.
    """
    with opened(path) as (store, connection):
        row, _ = row_of(connection, path, number)
        with store.alone(row["key"], progress):
            # Its plans and scores go with it: the tables say so.
            connection.execute("DELETE FROM measurement WHERE id = ?", (number,))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Store, sqlite3.Connection]]:
    """Yield a store that is there, and its connection.

    Raises:
        StoreError: If there is none, or it cannot be read.
    """
    require_store(path)
    with Store(path) as store, store.connection() as connection:
        yield store, connection


@contextlib.contextmanager
def readable(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to read a store that is there.

    SQLite writes beside a store that it reads, so one that cannot be written is read in a copy.

    Raises:
        StoreError: If there is no store, or it cannot be read.
    """
    if not path.is_file() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        with opened(path) as (_, connection):
            yield connection
        return
    with (
        temporary_folder("store") as folder,
        opened(copy_store(path, folder)) as (_, connection),
    ):
        yield connection


def copy_store(path: Path, folder: Path) -> Path:
    """Return a copy of a store, with what SQLite keeps beside it, in a folder."""
    copy = folder / path.name
    for suffix in ("", "-wal", "-journal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, copy.with_name(copy.name + suffix))
    return copy


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Begin a transaction; commit it at the end, or take it back on an error."""
    with connection:
        connection.execute(begin)
        yield


def _runs(connection: sqlite3.Connection) -> list[Run]:
    rows = _rows(connection)
    latest = {row["key"]: row["attempt"] for row in sorted(rows, key=lambda row: row["attempt"])}
    found = []
    for row in rows:
        setting = ScoreKey.model_validate_json(row["setting"])
        stored_run = StoredRun(connection, row["id"], row["key"])
        found.append(
            Run(
                number=row["id"],
                file=row["file"],
                type=next((each.info.file_type for each in stored_run.plans()), None),
                task=registry.of_key(setting.task),
                protocol=setting.protocol,
                shots=setting.shots,
                data=row["data"],
                n_items=len(stored_run.scored()),
                backend=setting.backend,
                devices=setting.devices,
                created_at=row["created_at"],
                is_latest=row["attempt"] == latest[row["key"]],
            )
        )
    return found


def row_of(
    connection: sqlite3.Connection, path: Path, number: int
) -> tuple[dict[str, Any], StoredRun]:
    """Return the row of a run, by column, and what the store holds of it.

    Raises:
        StoreError: If there is no such run.
    """
    for row in _rows(connection):
        if row["id"] == number:
            return row, StoredRun(connection, number, row["key"])
    raise StoreError(f"the store {path} has no run {number}; edgeval runs lists those it has")


def _rows(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = connection.execute(f"SELECT id, {', '.join(_COLUMNS)}, checksum FROM measurement")
    found = []
    for number, *values, expected in rows:
        # A damaged schema may take the numbers away.
        if number is None or checksum(*values) != expected:
            raise sqlite3.DatabaseError("a run has changed on the disk")
        with as_written("a run"):
            ScoreKey.model_validate_json(values[2])
            require_moment(datetime.fromisoformat(values[5]))
            "".join([values[0], values[3], values[4]])  # Texts.
            operator.index(values[1])
        found.append(dict(zip(_COLUMNS, values, strict=True), id=number))
    return sorted(found, key=lambda row: row["id"])


def _run_plan(plan: StoredPlan, n_scored: int, stints: list[Speed]) -> RunPlan:
    left = rest(plan.machine, plan.work, n_scored, stints)
    return RunPlan(
        n_items=len(plan.items),
        n_scored=n_scored,
        facts=plan.info,
        device=plan.machine,
        tokens_decoded=plan.work.tokens_decoded,
        logit_rows=plan.work.logit_rows,
        stints=[*([] if left is None else [left]), *stints],
    )
