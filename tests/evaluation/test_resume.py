"""Runs that are interrupted, repeated, grown or shared end with the scores of one that was not."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from edgeval.evaluation import file_scorer
from edgeval.store.store import Store
from tests.helpers.fakes import Lines, StopAfter, without_kernels
from tests.helpers.scored import BATCH_TOKENS, as_stored, score_file


@pytest.fixture(autouse=True)
def _save_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)


@pytest.mark.parametrize("kind", ["f16", "f32"])
def test_an_interrupted_run_ends_with_the_same_scores(
    kind: str, tiny_f16: Path, tiny_f32: Path, tiny_items: Path, tmp_path: Path
) -> None:
    gguf = tiny_f16 if kind == "f16" else tiny_f32
    run, expected = score_file(gguf, tiny_items, None)
    db = tmp_path / "a.db"
    rng = random.Random(0)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt, match=rf"at \d+ of 40 items of {gguf.name}"):
            score_file(gguf, tiny_items, db, StopAfter(rng.randint(0, 7)))
    resumed, scores = score_file(gguf, tiny_items, db)
    assert scores == expected
    assert resumed.metrics == run.metrics
    assert _n_scores(db) == len(expected)
    # A batch that was cut off is decoded again, and nothing else.
    assert run.tokens_decoded <= resumed.tokens_decoded
    assert resumed.tokens_decoded <= run.tokens_decoded + 6 * 2 * BATCH_TOKENS


def _n_scores(db: Path) -> int:
    with contextlib.closing(sqlite3.connect(db)) as connection:
        (n,) = connection.execute("SELECT count(*) FROM score").fetchone()
    return int(n)


def test_what_is_complete_is_saved_when_the_one_who_shows_it_is_interrupted(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 1e9)
    db = tmp_path / "a.db"
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny_f16, tiny_items, db, StopAfter(10))
    assert 10 < _n_scores(db) < 40


def test_a_repeated_run_decodes_nothing(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    first, expected = score_file(tiny_f16, tiny_items, tmp_path / "a.db")
    lines = Lines()
    again, scores = score_file(tiny_f16, tiny_items, tmp_path / "a.db", lines)
    assert scores == expected
    assert again == as_stored(first)
    assert lines.lines == [f"{tiny_f16.name}: 40 of 40 items already scored"]


def test_fresh_scores_again(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    _, expected = score_file(tiny_f16, tiny_items, tmp_path / "a.db")
    run, scores = score_file(tiny_f16, tiny_items, tmp_path / "a.db", fresh=True)
    assert scores == expected
    assert run.speed is not None and run.speed.n_items == 40
    assert (run.n_from_store, run.stored) == (0, [])
    assert _n_scores(tmp_path / "a.db") == 80


def test_a_slice_grows_and_shrinks(tiny_f32: Path, tiny_items: Path, tmp_path: Path) -> None:
    db, lines = tmp_path / "a.db", Lines()
    small, first = score_file(tiny_f32, tiny_items, db, limit=10)
    large, scores = score_file(tiny_f32, tiny_items, db, lines, limit=30)
    assert lines.lines == [f"{tiny_f32.name}: 10 of 30 items already scored"]
    assert scores[:10] == first
    assert _n_scores(db) == 30
    assert small.tokens_decoded < large.tokens_decoded
    # The new items are in batches of their own: that changes the last digits, and these only.
    _, at_once = score_file(tiny_f32, tiny_items, None, limit=30)
    for score, other in zip(scores, at_once, strict=True):
        assert score.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    again, part = score_file(tiny_f32, tiny_items, db, limit=5)
    assert part == first[:5]
    assert (again.speed, again.n_from_store) == (None, 5)


def test_a_shrunk_run_leaves_the_rest_of_its_plan(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    _, expected = score_file(tiny_f16, tiny_items, None)
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny_f16, tiny_items, db, StopAfter(3))
    _, part = score_file(tiny_f16, tiny_items, db, limit=12)
    assert part == expected[:12]
    assert _n_scores(db) < 40
    _, scores = score_file(tiny_f16, tiny_items, db)
    assert scores == expected


def test_another_model_of_the_same_name_is_scored_itself(
    tiny_f16: Path, tiny_f32: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db, results = tmp_path / "a.db", []
    for number, source in enumerate((tiny_f16, tiny_f32)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "model.gguf"
        path.write_bytes(source.read_bytes())
        results.append(score_file(path, tiny_items, db))
    assert results[1][1] == score_file(tiny_f32, tiny_items, None)[1] != results[0][1]


def test_changed_data_are_scored_again(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    db, changed = tmp_path / "a.db", tmp_path / "items.jsonl"
    changed.write_text(tiny_items.read_text("utf-8").replace("Activity 1", "Activity 8"), "utf-8")
    score_file(tiny_f16, tiny_items, db)
    _, scores = score_file(tiny_f16, changed, db)
    assert scores == score_file(tiny_f16, changed, None)[1]
    assert _n_scores(db) == 80


COMMAND = [sys.executable, "-m", "edgeval", "eval"]


def _command(gguf: Path, items: Path, db: Path) -> list[str]:
    options = [
        "--data",
        items,
        "--store",
        db,
        "--batch-tokens",
        BATCH_TOKENS,
        "--threads",
        1,
        "--json",
    ]
    return [*COMMAND, *map(str, [gguf, *options, "--samples", db.with_suffix(".jsonl")])]


def _samples(db: Path) -> Sequence[str]:
    return db.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()


def _ended(commands: Sequence[Sequence[str]]) -> Iterator[int]:
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    yield from (process.wait(120) for process in processes)


@pytest.mark.process
def test_killed_runs_lose_no_item_and_count_none_twice(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    whole, db = tmp_path / "whole.db", tmp_path / "killed.db"
    assert list(_ended([_command(tiny_f16, tiny_items, whole)])) == [0]
    started = time.monotonic()
    assert list(_ended([_command(tiny_f16, tiny_items, whole)])) == [0]
    lasts = time.monotonic() - started
    rng = random.Random(0)
    for _ in range(5):
        process = subprocess.Popen(
            _command(tiny_f16, tiny_items, db),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(lasts * rng.uniform(0.5, 1.2))
        process.kill()
        process.wait(10)
    assert list(_ended([_command(tiny_f16, tiny_items, db)])) == [0]
    assert _samples(db) == _samples(whole)
    assert _n_scores(db) == 40


@pytest.mark.process
def test_processes_share_the_work(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    commands = [_command(tiny_f16, tiny_items, db) for _ in range(3)]
    assert list(_ended(commands)) == [0, 0, 0]
    run, expected = score_file(tiny_f16, tiny_items, None)
    again, scores = score_file(tiny_f16, tiny_items, db)
    assert scores == expected
    assert again.tokens_decoded == run.tokens_decoded


LIMITED = """
import resource, sys
from edgeval.evaluation import file_scorer as measure
from edgeval.cli.app import main
measure._SAVE_INTERVAL_S = 0.0
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk_loses_at_most_a_batch(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db = tmp_path / "full.db"
    arguments = _command(tiny_f16, tiny_items, db)
    Store(db).__exit__()
    # There is room for some scores.
    n_bytes = str(db.stat().st_size + 8192)
    limited = [sys.executable, "-c", LIMITED, n_bytes, *arguments[3:], "--no-check"]
    result = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 1
    (line,) = without_kernels(result.stderr.strip().splitlines())
    assert line.startswith(f"error: the store {db} cannot be used (")
    assert "free some space" in line
    kept = _n_scores(db)
    assert 0 < kept < 40
    _, expected = score_file(tiny_f16, tiny_items, None)
    _, scores = score_file(tiny_f16, tiny_items, db)
    assert scores == expected


def test_what_a_death_within_a_commit_leaves_is_taken_back(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    _, expected = score_file(tiny_f16, tiny_items, None)
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny_f16, tiny_items, db, StopAfter(20))
    kept = _n_scores(db)
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as writer:
        # Pages that no longer fit the memory go to the file before the commit.
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE score SET score = 'half of a score'")
        writer.execute("UPDATE plan SET facts = 'half of a fact'")
        copy = tmp_path / "b.db"
        copy.write_bytes(db.read_bytes())
        copy.with_name("b.db-journal").write_bytes(db.with_name("a.db-journal").read_bytes())
        writer.execute("ROLLBACK")
    assert b"half of a score" in copy.read_bytes()
    assert _n_scores(copy) == kept > 0
    _, scores = score_file(tiny_f16, tiny_items, copy)
    assert scores == expected


@pytest.mark.process
def test_a_copy_of_the_file_alone_has_every_score(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    db = tmp_path / "a.db"
    command = _command(tiny_f16, tiny_items, db)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.wait(120) == 0
    with Store(db):
        # While it is open, and after the death of who had it open, there is nothing beside it.
        assert sorted(path.name for path in tmp_path.glob("a.db?*")) == ["a.db-locks"]
        copy = tmp_path / "b.db"
        copy.write_bytes(db.read_bytes())
    assert _n_scores(copy) == 40
    lines = Lines()
    score_file(tiny_f16, tiny_items, copy, lines)
    assert lines.lines == [f"{tiny_f16.name}: 40 of 40 items already scored"]
