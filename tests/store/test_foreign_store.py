"""Stores that somebody else made, with checksums that are right."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import StoreError
from edgeval.store.exchange import export_run
from edgeval.store.reference_export import export_reference
from edgeval.store.runs import list_runs, show_run
from edgeval.store.schema import checksum
from edgeval.store.store import Store
from tests.helpers.stores import make_store


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return make_store(tmp_path / "theirs.db", runs=1, items=4)


def _do(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statements",
    [
        [
            "ALTER TABLE score RENAME TO hidden",
            "CREATE VIEW score AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT x AS measurement, x AS item, x AS plan, x AS score, x AS checksum FROM n",
        ],
        ["CREATE TRIGGER t AFTER INSERT ON score BEGIN DELETE FROM plan; END"],
        ['CREATE VIEW "\x1b[2J" AS SELECT 1'],
        ["CREATE VIRTUAL TABLE t USING fts5(x)"],
        ["CREATE TABLE t (a, b GENERATED ALWAYS AS (a + 1))"],
    ],
)
def test_what_computes_when_it_is_read_is_refused(statements: list[str], theirs: Path) -> None:
    _do(theirs, *statements)
    before = theirs.read_bytes()
    with pytest.raises(StoreError, match="which no edgeval makes") as found:
        list_runs(theirs)
    assert str(found.value).isprintable()
    assert theirs.read_bytes() == before


def _forge(path: Path, table: str, column: str, value: Any) -> None:
    """Change a column of all rows, with the checksum that is then right."""
    with sqlite3.connect(path) as connection:
        (key,) = connection.execute("SELECT key FROM measurement").fetchone()
        connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        if table == "score":
            for row in connection.execute("SELECT item, plan, score FROM score").fetchall():
                connection.execute(
                    "UPDATE score SET checksum = ? WHERE item = ?", (checksum(key, *row), row[0])
                )
        elif table == "plan":
            head = "facts, device, tokens_decoded, logit_rows, elapsed_s"
            for number, items, *row in connection.execute(f"SELECT id, items, {head} FROM plan"):
                connection.execute(
                    "UPDATE plan SET checksum = ?, items_checksum = ? WHERE id = ?",
                    (checksum(key, *row), checksum(key, items), number),
                )
        else:
            columns = "key, attempt, setting, file, data, created_at"
            (row,) = connection.execute(f"SELECT {columns} FROM measurement")
            connection.execute("UPDATE measurement SET checksum = ?", (checksum(*row),))
    connection.close()


def _uses() -> list[Callable[[Path], object]]:
    return [
        list_runs,
        lambda path: show_run(path, 1),
        lambda path: export_run(path, 1, path.with_name("run.json")),
        lambda path: export_reference(path, 1, path.with_name("ref.npz")),
    ]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        *(("score", "score", text) for text in ("", "7", "[]", "[[],[],[],[]]", "[" * 10_000)),
        ("score", "score", '[["a"],[1],[1],[true]]'),
        ("score", "score", "[[NaN],[1],[1],[true]]"),
        ("score", "score", "[[1e999],[1],[1],[true]]"),
        ("score", "score", "[[1],[1.5],[1],[true]]"),
        ("score", "score", "[[1],[9999999999],[1],[true]]"),
        ("score", "score", "[[1,2],[1],[1],[true]]"),
        ("score", "score", "[[1],[" + "9" * 5000 + "],[1],[true]]"),
        *(("plan", "items", text) for text in ("", "7", '["a"]', "[1.5]", "{}}", "[" * 10_000)),
        *(("plan", "facts", text) for text in ("", "7", "{}", "[" * 10_000)),
        *(("plan", "device", text) for text in ("", "7", "{}", '{"system": 7}')),
        *(("plan", "tokens_decoded", value) for value in ("many", 1.5, b"\xff")),
        ("plan", "elapsed_s", "long"),
        *(("measurement", "setting", text) for text in ("", "7", "{}", "[" * 10_000)),
        *(
            ("measurement", "created_at", text)
            for text in ("", "soon", "0001-01-01T00:00:00+14:00")
        ),
        ("measurement", "file", b"\xff\xfe"),
    ],
)
def test_values_that_no_edgeval_writes_are_a_sentence(
    table: str, column: str, value: Any, theirs: Path
) -> None:
    _forge(theirs, table, column, value)
    n_refused = 0
    for use in _uses():
        try:
            use(theirs)
        except StoreError as error:
            n_refused += "none that edgeval writes" in str(error) or "changed" in str(error)
            assert str(error).isprintable()
            assert len(str(error)) < 500
    assert n_refused >= 2


def test_a_place_beyond_all_data_is_a_sentence(theirs: Path) -> None:
    for place in (2**31, -1, 2**62):
        with sqlite3.connect(theirs) as connection:
            (key,) = connection.execute("SELECT key FROM measurement").fetchone()
            (row,) = connection.execute("SELECT item, plan, score FROM score LIMIT 1")
            connection.execute(
                "UPDATE score SET item = ?, checksum = ? WHERE item = ?",
                (place, checksum(key, place, *row[1:]), row[0]),
            )
        connection.close()
        with pytest.raises(StoreError, match="a score has changed"):
            show_run(theirs, 1)


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\0" + b"\xff" * 4080, b"\0" * 4096, b"x", b"my notes\n" * 50]
)
def test_files_that_are_no_database_are_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    for use in (*_uses(), Store):
        with pytest.raises(StoreError, match=r"x\.db"):
            use(path)
    assert path.read_bytes() == content


def test_another_schema_is_a_sentence(theirs: Path) -> None:
    _do(theirs, "ALTER TABLE plan RENAME COLUMN facts TO fact")
    with pytest.raises(StoreError, match="no such column: facts"):
        show_run(theirs, 1)
    with pytest.raises(StoreError), Store(theirs) as store, store.connection() as connection:
        connection.execute("SELECT facts FROM plan")
