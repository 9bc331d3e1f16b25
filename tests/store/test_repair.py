"""Damaged stores: every damage is a sentence, and what can be read is read."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError, StoreError
from edgeval.records.runs import Repair
from edgeval.store import store as stores
from edgeval.store.repair import repair
from edgeval.store.runs import list_runs, show_run
from edgeval.store.store import Store
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.fakes import make_item
from tests.helpers.scored import score_file
from tests.helpers.stores import add_items, make_store, open_run, score_of

RUNS, ITEMS, PAGE = 3, 200, 4096
Scores = dict[tuple[int, int], str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store") / "a.db", RUNS, ITEMS)


@pytest.fixture
def db(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "a.db"))


def _query(db: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(db)) as connection:
        return connection.execute(sql).fetchall()


def _scores(db: Path) -> Scores:
    rows = _query(db, "SELECT measurement, item, score FROM score")
    return {(measurement, item): score for measurement, item, score in rows}


def _write(db: Path, at: int, content: bytes) -> None:
    with db.open("r+b") as file:
        file.seek(at)
        file.write(content)


def _pages_of_scores(db: Path) -> list[int]:
    """Return where the leaf pages of the table of scores begin."""
    content = db.read_bytes()
    starts = range(PAGE, len(content), PAGE)
    return [at for at in starts if content[at] == 0x0A and b"[[-" in content[at : at + PAGE]]


def _recovered(db: Path, **options: Any) -> tuple[Repair, Scores]:
    before = db.read_bytes()
    found = repair(db, **options)
    assert db.read_bytes() == before
    assert sorted(path.name for path in db.parent.iterdir()) in (
        ["a.db"],
        ["a-repaired.db", "a.db"],
    )
    if found.out is None:
        return found, _scores(db)
    assert repair(Path(found.out)).problems == []
    return found, _scores(Path(found.out))


def test_a_whole_store_needs_no_repair(db: Path, whole: Path) -> None:
    found, scores = _recovered(db)
    assert (found.problems, found.out, found.n_lost) == ([], None, 0)
    assert [(run.number, run.n_scored, run.n_planned) for run in found.runs] == [
        (number, ITEMS, ITEMS) for number in (1, 2, 3)
    ]
    assert len(scores) == RUNS * ITEMS
    result = edgeval("runs", "repair", "--store", db)
    assert result.stdout == f"{db} is whole: 3 runs, 600 items scored\n"


def test_one_bad_page_loses_its_rows_only(db: Path, whole: Path) -> None:
    expected = _scores(whole)
    pages = _pages_of_scores(db)
    assert len(pages) > 20
    for at in pages[::7]:
        shutil.copy(whole, db)
        _write(db, at, bytes(PAGE))
        found, scores = _recovered(db)
        assert scores.items() < expected.items()
        # A row takes 200 bytes and more.
        assert len(expected) - len(scores) <= PAGE // 200
        left = sum(run.n_planned - run.n_scored for run in found.runs)
        assert left == len(expected) - len(scores)
        Path(str(found.out)).unlink()


def test_rows_between_bad_pages_are_found(db: Path, whole: Path) -> None:
    expected, pages = _scores(whole), _pages_of_scores(db)
    for at in pages[::4]:
        _write(db, at, bytes(PAGE))
    _, scores = _recovered(db)
    assert scores.items() < expected.items()
    assert len(expected) - len(scores) <= len(pages[::4]) * PAGE // 200
    # Places 0 and 199 alone would be found from the ends of the table.
    assert all(any(number == run for run, _ in scores) for number in (1, 2, 3))


def test_a_store_without_its_end_keeps_its_beginning(db: Path, whole: Path) -> None:
    expected, n_pages = _scores(whole), len(whole.read_bytes()) // PAGE
    n_scores = []
    for n in (2, n_pages // 2, 3 * n_pages // 4, n_pages - 1):
        db.write_bytes(whole.read_bytes()[: n * PAGE - 100])
        with pytest.raises(StoreError, match=r"malformed.*edgeval runs repair --store .*a\.db"):
            Store(db)
        try:
            found, scores = _recovered(db)
        except StoreError as error:
            assert "no run can be read" in str(error)
            n_scores.append(0)
            continue
        assert scores.items() < expected.items()
        n_scores.append(len(scores))
        Path(str(found.out)).unlink()
    assert n_scores == sorted(n_scores)
    # Scores are recovered with their plans only, which SQLite has put near the end.
    assert n_scores[-1] > 0.9 * len(expected)


@pytest.mark.parametrize("size", [100, 600, PAGE])
def test_a_first_page_that_is_gone_is_written_anew(size: int, db: Path, whole: Path) -> None:
    _write(db, 0, bytes(size))
    result = edgeval("runs", "--store", db)
    assert_one_sentence(result, ["cannot be used", f"edgeval runs repair --store {db}"])
    _, scores = _recovered(db)
    assert scores == _scores(whole)


def test_a_changed_byte_is_noticed_wherever_it_is_read(db: Path, whole: Path) -> None:
    expected, content = _scores(whole), whole.read_bytes()
    rng = random.Random(0)
    places = [rng.randrange(len(content)) for _ in range(60)] + list(range(0, 100, 5))
    n_whole = 0
    for at in places:
        db.write_bytes(content)
        _write(db, at, bytes([content[at] ^ (1 << rng.randrange(8))]))
        try:
            with Store(db) as store:
                for number in (1, 2, 3):
                    items = {place: score_of(place).item for place in range(ITEMS)}
                    with open_run(store, gguf_sha256=f"{number:064x}") as measurement:
                        for place, score in measurement.scores(items).items():
                            assert score == score_of(place, number)
                        measurement.open_plans()
                        if measurement.scored():
                            measurement.totals(range(ITEMS))
            n_whole += 1
        except StoreError as error:
            assert "--store" in str(error)
        for path in db.parent.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        _, scores = _recovered(db)
        assert scores.items() <= expected.items()
        assert len(expected) - len(scores) <= ITEMS, at
        db.with_name("a-repaired.db").unlink(missing_ok=True)
    assert 0 < n_whole < len(places)


def test_random_damage_is_never_a_traceback(db: Path, whole: Path) -> None:
    expected, content = _scores(whole), whole.read_bytes()
    rng = random.Random(1)
    for _ in range(40):
        damaged = bytearray(content[: rng.randrange(len(content))])
        for _ in range(rng.randrange(300)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        db.write_bytes(damaged)
        out = db.with_name("a-repaired.db")
        for action in (list_runs, lambda path: show_run(path, 1), repair):
            try:
                action(db)
            except EdgevalError as error:
                assert str(db) in str(error)
        if out.exists():
            assert _scores(out).items() <= expected.items()
            out.unlink()


def test_what_a_program_that_died_left_beside_the_store_is_read_too(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "left"
    folder.mkdir()
    db = Path(shutil.copy(whole, tmp_path / "live.db"))
    with contextlib.closing(sqlite3.connect(db)) as other:
        # As an older edgeval kept it, and other programs may.
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("UPDATE measurement SET attempt = attempt")
        other.commit()
        shutil.copy(db, folder / "a.db")
        shutil.copy(db.with_name("live.db-wal"), folder / "a.db-wal")
    expected = [each.n_scored for each in repair(folder / "a.db").runs]
    (bad, *_) = _pages_of_scores(folder / "a.db")
    _write(folder / "a.db", bad, bytes(PAGE))
    found = repair(folder / "a.db")
    assert found.problems
    assert 0 < sum(each.n_scored for each in found.runs) < sum(expected)
    assert (folder / "a.db-wal").stat().st_size > 0


@pytest.mark.parametrize("page_is_gone", [False, True])
def test_items_of_a_plan_that_cannot_be_read_are_those_it_scored(
    page_is_gone: bool, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    with Store(db) as store, open_run(store) as measurement:
        add_items(measurement, range(3000))
    at = db.read_bytes().index(b", 2000, 2001, 2002")
    if page_is_gone:
        _write(db, at - at % PAGE, bytes(PAGE))
    else:
        _write(db, at, b", 2009")
    with (
        pytest.raises(StoreError, match=r"(overflow list|items of a plan).*edgeval runs repair"),
        Store(db) as store,
        open_run(store) as measurement,
    ):
        measurement.open_plans()
    shutil.rmtree(db.with_name("a.db-locks"), ignore_errors=True)
    found, scores = _recovered(db)
    assert len(scores) == found.runs[0].n_scored == found.runs[0].n_planned == 3000
    assert found.n_lost == 1
    with Store(Path(str(found.out))) as store, open_run(store) as measurement:
        assert measurement.open_plans() == []
        assert measurement.totals([7])[0].tokens_decoded == 10


def test_an_index_that_names_another_run_is_not_believed(db: Path) -> None:
    content = bytearray(db.read_bytes())
    keys = [key for (key,) in _query(db, "SELECT key FROM measurement ORDER BY id")]
    ((root,),) = _query(
        db, "SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex_measurement%'"
    )
    # An entry of the index ends with the key and, for numbers from 2, a byte with the number.
    second, third = (content.index(key.encode(), (root - 1) * PAGE) + 64 for key in keys[1:])
    assert (content[second], content[third]) == (2, 3)
    content[second], content[third] = 3, 2
    db.write_bytes(content)
    with Store(db) as store, open_run(store, gguf_sha256=f"{1:064x}") as measurement:
        assert len(measurement.scored()) == ITEMS
    for number in (2, 3):
        with (
            Store(db) as store,
            pytest.raises(StoreError, match=r"index of the settings .*edgeval runs repair"),
            open_run(store, gguf_sha256=f"{number:064x}"),
        ):
            pass
    shutil.rmtree(db.with_name("a.db-locks"))
    found, scores = _recovered(db)
    assert found.problems
    assert len(scores) == RUNS * ITEMS


def test_damage_in_a_large_store_is_found_where_it_is_read(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_CHECKED_BYTES", 0)
    (*_, last) = _pages_of_scores(db)
    _write(db, last, bytes(PAGE))
    items = {place: make_item() for place in range(ITEMS)}
    with Store(db) as store:
        with open_run(store, gguf_sha256=f"{1:064x}") as measurement:
            assert len(measurement.scores(items)) == ITEMS
        with (
            pytest.raises(StoreError, match="edgeval runs repair"),
            open_run(store, gguf_sha256=f"{3:064x}") as measurement,
        ):
            measurement.scores(items)


def test_a_repaired_store_is_gone_on_with(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    _, expected = score_file(tiny_f16, tiny_items, db)
    (first, *_) = _pages_of_scores(db)
    _write(db, first, bytes(PAGE))
    result = edgeval("eval", tiny_f16, "--data", tiny_items, "--batch-tokens", "64", "--store", db)
    assert_one_sentence(result, ["cannot be used", f"edgeval runs repair --store {db}"])
    result = edgeval("runs", "repair", "--store", db, "--out", tmp_path / "new" / "b.db", "--json")
    found = Repair.model_validate_json(result.stdout)
    assert 0 < found.runs[0].n_scored < 40
    assert found.runs[0].n_planned == 40
    _, scores = score_file(tiny_f16, tiny_items, tmp_path / "new" / "b.db")
    assert scores == expected


def test_nothing_is_written_over_and_nothing_foreign_is_recovered(db: Path, tmp_path: Path) -> None:
    db.with_name("a-repaired.db").write_text("mine", "utf-8")
    result = edgeval("runs", "repair", "--store", db)
    assert_one_sentence(result, ["a-repaired.db exists already"])
    other = tmp_path / "other.db"
    _query(other, "CREATE TABLE mine (a)")
    with pytest.raises(StoreError, match=r"no run can be read in .*another program's database"):
        repair(other)
    other.write_text("words " * 1000, "utf-8")
    with pytest.raises(StoreError, match=r"no run can be read in .*not a database"):
        repair(other)
    assert not other.with_name("other-repaired.db").exists()


def test_a_lost_run_is_told(db: Path) -> None:
    at = db.read_bytes().index(f"{2:064x}".encode())
    _write(db, at, b"X")
    result = edgeval("runs", "repair", "--store", db)
    assert result.returncode == 0, result.stderr
    # The run itself, its two plans and its scores.
    assert "203 rows that had changed or lost what they belong to were left out" in result.stdout
    assert [run.number for run in list_runs(db.with_name("a-repaired.db"))] == [1, 3]
