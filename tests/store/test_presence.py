"""A store that lost what it held says what is missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeval.errors import StoreError
from edgeval.store.exchange import export_run
from edgeval.store.repair import repair
from edgeval.store.runs import list_runs, show_run
from edgeval.store.store import Store
from tests.helpers.stores import add_items, make_store, open_run

READERS: tuple[Callable[[Path], object], ...] = (
    list_runs,
    repair,
    lambda path: show_run(path, 1),
    lambda path: export_run(path, 1, path.with_name("out.json")),
)


def _with_log(path: Path) -> Path:
    """Return a store as an older edgeval left it when it was killed: all of it is in its log."""
    with Store(None) as store, store.connection() as source:
        statements = "\n".join(source.iterdump())
        names = ("application_id", "user_version")
        marks = {name: source.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.executescript(statements)
        for name, value in marks.items():
            connection.execute(f"PRAGMA {name} = {value}")
        connection.commit()
        killed = path.with_name("killed.db")
        shutil.copy(path, killed)
        shutil.copy(path.with_name(f"{path.name}-wal"), killed.with_name("killed.db-wal"))
    return killed


def _refused(path: Path) -> set[str]:
    """Return what everything that opens a store says of it."""
    before = {each: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}
    found = set()
    for action in (*READERS, Store):
        with pytest.raises(StoreError) as caught:
            action(path)
        found.add(str(caught.value))
    assert {each: each.read_bytes() for each in path.parent.iterdir() if each.is_file()} == before
    return found


def test_a_store_of_a_log_is_read_and_needs_none_from_then_on(tmp_path: Path) -> None:
    killed = _with_log(tmp_path / "a.db")
    assert list_runs(killed) == []
    assert not killed.with_name("killed.db-wal").exists()
    copy = tmp_path / "copy.db"
    shutil.copy(killed, copy)
    assert list_runs(copy) == []


@pytest.mark.parametrize("is_copy", [False, True])
def test_a_store_whose_log_is_gone_names_it(is_copy: bool, tmp_path: Path) -> None:
    path = _with_log(tmp_path / "a.db")
    if is_copy:
        (tmp_path / "elsewhere").mkdir()
        path = Path(shutil.copy(path, tmp_path / "elsewhere"))
    else:
        path.with_name("killed.db-wal").unlink()
    for message in _refused(path):
        assert "its scores are in killed.db-wal, which is not beside it" in message


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_log_without_its_store_is_not_thrown_away(is_empty: bool, tmp_path: Path) -> None:
    path = _with_log(tmp_path / "a.db")
    path.write_bytes(b"") if is_empty else path.unlink()
    (message,) = _refused(path)
    assert f"is {'empty' if is_empty else 'not there'}, and killed.db-wal with its" in message


def test_a_store_that_is_emptied_says_so(tmp_path: Path) -> None:
    path = make_store(tmp_path / "a.db")
    path.write_bytes(b"")
    (message,) = _refused(path)
    assert "is empty, and scores were kept in it" in message


def test_any_empty_file_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    for read in READERS:
        with pytest.raises(StoreError, match=r"a.db is empty, so it is no store"):
            read(path)
    assert path.read_bytes() == b""
    # A name for a new one is given by an empty file, as mktemp makes it.
    with Store(path):
        pass
    assert list_runs(path) == []


def test_a_store_that_is_removed_is_made_anew(tmp_path: Path) -> None:
    path = make_store(tmp_path / "a.db")
    path.unlink()
    with pytest.raises(StoreError, match="there is no store"):
        list_runs(path)
    with Store(path):
        pass
    assert list_runs(path) == []


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_that_goes_while_it_is_used_is_told_and_saved(
    replaced: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    with (
        pytest.raises(StoreError, match=r"a\.db was removed or replaced while it was used"),
        Store(path) as store,
        open_run(store) as measurement,
    ):
        add_items(measurement, range(10))
        path.unlink()
        if replaced:
            make_store(path, runs=1, items=3)
        add_items(measurement, range(10, 20))
        pytest.fail("wrote to a file without a name")
    (saved,) = tmp_path.glob("a-saved-*.db")
    assert [each.n_items for each in list_runs(saved)] == [10]
    assert [each.n_items for each in list_runs(path)] == [3] if replaced else not path.exists()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_store_that_goes_after_the_last_write_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with pytest.raises(StoreError, match=r"what it held is in .*a-saved-"), Store(path) as store:
        with open_run(store) as measurement:
            add_items(measurement, range(10))
        path.unlink()


def test_an_error_keeps_no_store_open(tmp_path: Path) -> None:
    path = make_store(tmp_path / "a.db", runs=1)
    kept: list[BaseException] = []
    try:
        with Store(path) as store, store.connection() as connection:
            for _ in connection.execute("SELECT * FROM score"):
                raise StoreError("in the middle of it")
    except StoreError as error:
        kept.append(error)
    # Python keeps the frames of an error, and their cursors, as long as somebody has the error.
    with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("BEGIN EXCLUSIVE")
    assert kept
