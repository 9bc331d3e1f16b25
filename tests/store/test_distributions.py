"""Distributions in a store: changed, damaged, migrated and deleted."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.quantization.quantize import quantize
from edgeval.store.repair import repair
from edgeval.store.runs import delete_run
from edgeval.store.schema import _APPLICATION_ID, _MIGRATIONS, SCHEMA_VERSION, checksum
from edgeval.store.store import Store
from tests.helpers.distributions import evaluated, same, setup_of
from tests.helpers.stores import add_items, open_run


@pytest.fixture(scope="module")
def tiny_q4(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = quantize(tiny_f16, ["Q4_0"], tmp_path_factory.mktemp("q4"))
    return path


def rows_of(db: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(db)) as connection:
        (n,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(n)


def change_rows(db: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(db)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_what_has_changed_on_the_disk_is_seen_again(
    tiny_f16: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", setup_of(tiny_items, limit=10)
    results = []
    for change in ("", "packed = zeroblob(9)", "checksum = checksum + 1"):
        if change:
            change_rows(
                db, f"UPDATE sketch SET {change} WHERE item % 2", "UPDATE divergence SET kl_sum = 0"
            )
        with Store(db) as store:
            made = evaluated(tiny_f16, setup, 10, store)
            results.append((made, evaluate_file(tiny_q4, setup, store, wanted=made.top_logprobs)))
    for made, compared in results[1:]:
        assert same(made.top_logprobs, results[0][0].top_logprobs)
        assert compared.divergence == results[0][1].divergence
    assert (rows_of(db, "sketch"), rows_of(db, "divergence")) == (10, 10)


@pytest.mark.parametrize(
    "ranges",
    [
        *("", "[]", "[[1]]", "{}", "null", '[{"n_positions": 1, "kl_sum": 0.5}]'),
        *('[{"n_positions": 0, "kl_sum": 0}]', "[" * 100_000),
        json.dumps([{"n_positions": 1, "kl_sum": 0.0}] * 1000),
    ],
)
def test_ranges_that_edgeval_does_not_write_are_computed_again(
    ranges: str, tiny_f16: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", setup_of(tiny_items, limit=4)
    with Store(db) as store:
        made = evaluated(tiny_f16, setup, 4, store).top_logprobs
        first = evaluate_file(tiny_q4, setup, store, wanted=made)
    with contextlib.closing(sqlite3.connect(db)) as connection, connection:
        keys = dict(connection.execute("SELECT id, key FROM measurement").fetchall())
        connection.execute("UPDATE divergence SET by_range = ?", (ranges,))
        for row in connection.execute("SELECT * FROM divergence").fetchall():
            number, reference, item, n_positions, kl_sum, n_same_top, _, *more = row
            values = (reference, item, n_positions, kl_sum, n_same_top, *more)
            connection.execute(
                "UPDATE divergence SET checksum = ? WHERE measurement = ? AND item = ?",
                (checksum(keys[number], *values), number, item),
            )
    with Store(db) as store:
        assert evaluate_file(tiny_q4, setup, store, wanted=made).divergence == first.divergence
    with contextlib.closing(sqlite3.connect(db)) as connection:
        rows = connection.execute("SELECT by_range FROM divergence").fetchall()
    assert len(rows) == 4
    assert (ranges,) not in rows


def test_a_deleted_run_takes_its_sketches_and_divergences_with_it(
    tiny_f16: Path, tiny_q4: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", setup_of(tiny_items, limit=4)
    with Store(db) as store:
        made = evaluated(tiny_f16, setup, 3, store).top_logprobs
        evaluate_file(tiny_q4, setup, store, wanted=made)
    assert (rows_of(db, "sketch"), rows_of(db, "divergence")) == (3, 3)
    delete_run(db, 1)
    assert (rows_of(db, "sketch"), rows_of(db, "divergence")) == (0, 3)
    delete_run(db, 2)
    assert (rows_of(db, "sketch"), rows_of(db, "divergence")) == (0, 0)


def _version_1(db: Path) -> None:
    """Make a store as version 1 made it."""
    version = [f"PRAGMA application_id = {_APPLICATION_ID}", "PRAGMA user_version = 1"]
    change_rows(db, *_MIGRATIONS[0], *version)


def test_a_store_of_version_1_becomes_one_of_this_version(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, old, setup = tmp_path / "a.db", tmp_path / "old.db", setup_of(tiny_items, limit=10)
    with Store(db) as store:
        scored = evaluate_file(tiny_f16, setup, store)
    _version_1(old)
    tables = ("measurement", "plan", "score", "file_hash")
    copies = [f"INSERT INTO {table} SELECT * FROM new.{table}" for table in tables]
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute("ATTACH ? AS new", (str(db),))
        with connection:
            for each in copies:
                connection.execute(each)
    with Store(old) as store:
        made = evaluated(tiny_f16, setup, 4, store)
    assert made.scores == scored.scores
    assert rows_of(old, "sketch") == 4
    with contextlib.closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_migrated_store_without_its_first_page_is_repaired(tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    _version_1(db)
    # Pages of old tables come before those of the new ones, which a new store has at its beginning.
    change_rows(db, *(f"INSERT INTO file_hash VALUES ('{i:0500}', '', '', 0)" for i in range(50)))
    with Store(db) as store, open_run(store) as measurement:
        add_items(measurement, range(100))
    with contextlib.closing(sqlite3.connect(db)) as connection:
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
    assert roots["sketch"] > 10
    with db.open("r+b") as file:
        file.write(bytes(600))
    found = repair(db)
    assert [(run.n_scored, run.n_planned) for run in found.runs] == [(100, 100)]
    assert rows_of(Path(str(found.out)), "score") == 100


def test_a_bad_page_of_sketches_costs_no_score(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, setup = tmp_path / "a.db", setup_of(tiny_items, limit=10)
    with Store(db) as store:
        made = evaluated(tiny_f16, setup, 10, store)
    with contextlib.closing(sqlite3.connect(db)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sketch'")
    with db.open("r+b") as file:
        file.seek(4096 * (root - 1))
        file.write(bytes(4096))
    with pytest.raises(EdgevalError, match="edgeval runs repair"):
        Store(db)
    found = repair(db)
    assert found.n_lost == 0
    with Store(Path(str(found.out))) as store:
        assert rows_of(Path(str(found.out)), "score") == 10
        again = evaluated(tiny_f16, setup, 10, store)
    assert again.scores == made.scores
    assert same(again.top_logprobs, made.top_logprobs)
