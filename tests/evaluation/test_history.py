"""History of a store: every number worked out by hand, and stores of every shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeval.errors import EdgevalError, StoreError
from edgeval.evaluation.history import history
from edgeval.records.history import History, Measurement
from edgeval.records.score_key import features_of
from edgeval.report.history import sentences
from edgeval.stats.score_changes import Said, score_change
from edgeval.store.store import Store
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.histories import GOLD, N_ITEMS, Again, add_runs, data_file, known_data
from tests.helpers.stores import DEVICE, add_items, make_store, open_run

RIGHT = [GOLD] * N_ITEMS


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def only(found: History) -> Measurement:
    (measurement,) = found.measurements
    return measurement


# Pairs


def test_changes_are_of_items_that_both_have() -> None:
    before = {1: Said((-1.0, -2.0), 0, True), 2: Said((-1.0, -2.0), 0, False), 3: Said((-9.0,), 0)}
    after = {2: Said((-1.5, -1.0), 1, True), 1: Said((-1.0, -2.0), 0, True), 7: Said((-1.0,), 0)}
    found = score_change(before, after)
    assert (found.n_items, found.n_new_picks, found.lost, found.gained) == (2, 1, 0, 1)
    assert (found.mean_nats, found.largest_nats, found.largest_item) == (1.5 / 4, 1.0, 2)
    unknown = score_change({1: Said((-1.0,), 0)}, {1: Said((-1.0,), 0, True)})
    assert (unknown.lost, unknown.gained, unknown.largest_nats) == (None, None, 0.0)
    nothing = score_change(before, {8: Said((-1.0,), 0)})
    assert (nothing.n_items, nothing.mean_nats, nothing.lost) == (0, None, None)
    with pytest.raises(ValueError):
        score_change({1: Said((-1.0,), 0)}, {1: Said((-1.0, -2.0), 0)})


# What changed


def test_what_changed_since_the_last_engine_version(db: Path, tmp_path: Path) -> None:
    data = data_file(tmp_path)
    lost = [0, *RIGHT[1:]]
    runs = [
        Again([0, 0, *RIGHT[2:]], tokens=100),
        Again([0, 0, *RIGHT[2:]], tokens=100),
        Again(lost, "0.3.36", 0.5, tokens=200),
        Again(RIGHT, "0.3.36", 0.5, tokens=200),
    ]
    found = only(history(add_runs(db, runs, **known_data(data)), data=data))
    assert (found.metric, found.has_items, found.n_total) == ("acc_norm", True, N_ITEMS)
    assert [run.accuracy and run.accuracy.correct for run in found.runs] == [8, 8, 9, 10]
    picks = [run.change and run.change.scores.n_new_picks for run in found.runs]
    assert picks == [None, 0, 1, 1]
    first, again, other, last = found.runs
    assert first.change is None and again.change and other.change and last.change
    assert (again.change.since, again.change.settings) == (1, [])
    assert again.change.scores.largest_nats == 0
    assert other.change.settings == ["llama-cpp-python 0.3.36, not llama-cpp-python 0.3.35"]
    assert (other.change.scores.lost, other.change.scores.gained) == (0, 1)
    assert other.change.speed_ratio == 2
    # Of the item whose pick changed, two choices moved by 80.5 and 79.5; all others by 0.5.
    assert other.change.scores.largest_nats == pytest.approx(80.5)
    assert other.change.scores.mean_nats == pytest.approx((38 * 0.5 + 80.5 + 79.5) / 40)
    assert other.change.scores.largest_item == 1
    since = found.since_engine
    assert since is not None and since.right is not None
    assert (since.since, since.scores.n_new_picks, since.scores.gained) == (2, 2, 2)
    assert (since.right.correct, since.right.reference_correct, since.right.total) == (10, 8, 10)


def test_a_change_beyond_rounding_is_an_alarm(db: Path, tmp_path: Path) -> None:
    data = data_file(tmp_path)
    add_runs(db, [Again(RIGHT), Again([0] * N_ITEMS, "0.3.36")], **known_data(data))
    found = history(db, data=data)
    change = only(found).since_engine
    assert change is not None and change.right is not None
    assert (change.right.agreement, change.scores.lost) == ("differs", N_ITEMS)
    (alarm,) = sentences.alarms(found)
    assert alarm == (
        "m.gguf: run 2 has 0 of 10 items right, and run 1 10: more than rounding explains."
    )
    assert "right items by more than rounding explains in 1" in sentences.answer(found)


def test_without_the_items_no_accuracy_is_claimed(db: Path) -> None:
    found = history(add_runs(db, [Again(RIGHT), Again([0, *RIGHT[1:]])]))
    measurement = only(found)
    assert (measurement.metric, measurement.has_items) == ("acc", False)
    assert all(run.accuracy is None for run in measurement.runs)
    change = measurement.runs[1].change
    assert change is not None
    assert (change.scores.n_new_picks, change.scores.lost, change.right) == (1, None, None)
    assert measurement.since_engine is None
    assert any("Name their file with --data" in each for each in sentences.notes(found))
    assert "which are right is not known" in sentences.sentence(measurement, found)


def test_machines_and_settings_are_named(db: Path) -> None:
    other = DEVICE.model_copy(update={"cpu": "Apple M2"})
    settings = (("batch_tokens", 512), ("features", features_of("AVX2 = 1 | AMX = 1", "plain")))
    runs = [Again(RIGHT, tokens=100), Again(RIGHT, tokens=100, device=other, settings=settings)]
    change = only(history(add_runs(db, runs))).runs[1].change
    assert change is not None
    assert change.settings == [
        "batch size 512, not 1,024",
        "kernels plain, not default",
        "features +AMX",
        "machine Apple M2, not a",
    ]
    assert (change.speed_ratio, change.no_speed_ratio) == (None, "another device")


def test_runs_of_other_items_have_nothing_to_pair(db: Path) -> None:
    picks = dict.fromkeys(range(4), GOLD)
    add_runs(db, [Again(list(picks.values()))])
    with Store(db) as store, open_run(store, fresh=True) as run:
        add_items(run, range(6, 9))
    found = history(db)
    change = only(found).runs[1].change
    assert change is not None and change.scores.n_items == 0
    assert "there is no item that both have" in sentences.sentence(only(found), found)


# Stores of every shape


def test_measurements_are_apart_by_file_data_and_task(db: Path) -> None:
    add_runs(db, [Again(RIGHT)], file="old.gguf", gguf_sha256="c" * 64)
    add_runs(db, [Again(RIGHT), Again(RIGHT, "0.3.36")])
    add_runs(db, [Again(RIGHT)], task="winogrande", data_fingerprint="e" * 64)
    add_runs(db, [Again(RIGHT)], shots=5, shot_pool_fingerprint="f" * 64)
    found = history(db)
    assert sorted(
        (each.file, each.task, each.shots, len(each.runs)) for each in found.measurements
    ) == [
        ("m.gguf", "hellaswag", 0, 2),
        ("m.gguf", "hellaswag", 5, 1),
        ("m.gguf", "winogrande", 0, 1),
        ("old.gguf", "hellaswag", 0, 1),
    ]
    names = [sentences.name(each, found) for each in found.measurements]
    assert len(set(names)) == 4
    assert len(found.rows()) == 5
    assert only(history(db, file="OLD")).file == "old.gguf"
    assert only(history(db, file="cccc")).file == "old.gguf"
    assert only(history(db, task="winogrande")).task == "winogrande"
    with pytest.raises(EdgevalError, match="no run of the store is of a file called new and of"):
        history(db, file="new", task="piqa")


def test_a_store_of_many_runs_is_read_to_a_bound(db: Path) -> None:
    add_runs(db, [Again(RIGHT, shift=at / 100) for at in range(12)])
    found = history(db, last=3)
    assert [run.number for run in only(found).runs] == [10, 11, 12]
    assert only(found).runs[0].change is None
    assert found.n_left_out == 9
    assert any("9 older runs are left out" in each for each in sentences.notes(found))
    with pytest.raises(EdgevalError, match="--last 0 leaves no runs"):
        history(db, last=0)


def test_a_store_without_scores_has_no_history(db: Path, tmp_path: Path) -> None:
    with Store(db) as store, open_run(store):
        pass
    assert history(db).measurements == []
    assert sentences.answer(history(db)) == "The store has no run with scores."
    with pytest.raises(EdgevalError, match="has no run with scores"):
        history(db, file="m")
    with pytest.raises(StoreError, match="there is no store"):
        history(tmp_path / "none.db")


def test_one_run_is_nothing_to_compare(db: Path) -> None:
    found = history(make_store(db, runs=2, items=6))
    assert sentences.answer(found) == "Nothing was measured twice, so there is nothing to compare."
    assert [each.runs[0].n_items for each in found.measurements] == [6, 6]


@pytest.mark.process
def test_the_command_prints_and_writes(db: Path, tmp_path: Path) -> None:
    add_runs(db, [Again(RIGHT, tokens=100), Again(RIGHT, "0.3.36", 0.5, tokens=150)])
    out = tmp_path / "out"
    done = edgeval("history", "--store", db, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Since the engine version before, no pick changed in 1 measurement."
    assert lines[-1] == f"{out}: history.html, history.md"
    assert (out / "history.md").read_text("utf-8").startswith("# Runs of a.db\n")
    assert_one_sentence(
        edgeval("history", "--store", db, "--out", out), ["history.html exists", "--overwrite"]
    )
    printed = edgeval("history", "--store", db, "--json")
    assert History.model_validate_json(printed.stdout).measurements == history(db).measurements
    assert str(tmp_path) not in printed.stdout
    assert json.loads(printed.stdout)["store"] == "a.db"
    assert_one_sentence(edgeval("history", "--store", db, "--file", "x"), ["called x", "runs"])
    assert edgeval("history", "--store", db, "--last", "0").returncode == 2
