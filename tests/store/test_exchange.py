"""Runs taken to another machine: the same there, or refused."""

from __future__ import annotations

import contextlib
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError, StoreError
from edgeval.evaluation import file_scorer
from edgeval.store.exchange import export_run, import_run
from edgeval.store.run_file import dump, load
from edgeval.store.runs import list_runs
from edgeval.store.store import Store
from edgeval.tasks.requests import Work
from tests.helpers.fakes import Lines, StopAfter
from tests.helpers.run_rows import rows_of
from tests.helpers.scored import as_stored, score_file
from tests.helpers.stores import (
    DEVICE,
    FACTS,
    WORK,
    add_items,
    make_store,
    open_run,
    score_of,
)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def exported(db: Path, tmp_path: Path) -> Path:
    make_store(db, runs=1, items=4)
    export_run(db, 1, tmp_path / "run.json")
    return tmp_path / "run.json"


def test_an_exported_run_is_the_same_run_elsewhere(exported: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    done = import_run(other, exported)
    assert (done.run, done.n_added, done.n_present) == (1, 4, 0)
    assert rows_of(other) == rows_of(tmp_path / "a.db")
    before = other.read_bytes()
    export_run(other, 1, tmp_path / "again.json")
    first, again = (
        json.loads(path.read_text("utf-8")) for path in (exported, tmp_path / "again.json")
    )
    for name in ("sha256", "created_at"):
        del first[name], again[name]
    assert first == again
    done = import_run(other, exported)
    assert (done.n_added, done.n_present) == (0, 4)
    assert other.read_bytes() == before
    with pytest.raises(EdgevalError, match="exists already"):
        export_run(other, 1, exported)


def test_an_import_adds_what_is_missing_and_counts_no_work_twice(db: Path, tmp_path: Path) -> None:
    target, other = tmp_path / "run.json", tmp_path / "other.db"
    with Store(db) as store, open_run(store) as measurement:
        plan = measurement.add_plan([3, 1, 2], FACTS, DEVICE)
        measurement.save(plan, {3: score_of(3)}, WORK)
    export_run(db, 1, target)
    assert import_run(other, target).n_added == 1
    with Store(other) as store, open_run(store) as measurement:
        assert [each.items for each in measurement.open_plans()] == [(3, 1, 2)]
    with Store(db) as store, open_run(store) as measurement:
        measurement.save(plan, {1: score_of(1), 2: score_of(2)}, Work(7, 7, 0.5))
    target.unlink()
    export_run(db, 1, target)
    done = import_run(other, target)
    assert (done.n_added, done.n_present) == (2, 1)
    assert rows_of(other) == rows_of(db)
    with Store(other) as store, open_run(store) as measurement:
        assert measurement.totals([1])[0] == Work(17, 12, 0.75)


def test_another_score_of_the_same_item_is_refused(exported: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with Store(other) as store, open_run(store, gguf_sha256=f"{1:064x}") as measurement:
        add_items(measurement, [2], seed=9)
    before = rows_of(other)
    with pytest.raises(StoreError, match=r"another score of item 2 than run 1 .*runs delete 1"):
        import_run(other, exported)
    assert rows_of(other) == before


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["items"][1].__setitem__(name, value)


def _twice(content: dict[str, Any]) -> None:
    content["items"].append(content["items"][0])


def _plan(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["plans"][0].update(changes)


def _fact(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["plans"][0]["facts"].update({name: value})


def _stint(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        plan = content["plans"][0]
        stint = {"device": plan["device"], "n_items": 0, "tokens_decoded": 0, "logit_rows": 0}
        plan["stints"] = [stint | {"elapsed_s": 0.0, name: value}]

    return change


def _foreign_plan(content: dict[str, Any]) -> None:
    content["items"][0]["plan"] = 1


def _extra_fact(content: dict[str, Any]) -> None:
    content["plans"][0]["facts"]["mood"] = "good"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_twice, "item 0 is there twice"),
        (_set("n_tokens", [1, 2, 3]), "4 choices in one array and 3 in another"),
        (_set("token_means", [-1.0] * 5), "4 choices in one array and 5 in another"),
        (_set("logprobs", [float("nan"), -1.0, -1.0, -1.0]), "it has the number NaN"),
        (_set("logprobs", [-1.0, -1.0, -1.0, float("inf")]), "it has the number Infinity"),
        (_set("logprobs", ["-1", -1.0, -1.0, -1.0]), "valid number"),
        (_set("is_greedy", [0, 1, 0, 0]), "valid boolean"),
        (_set("place", -1), "greater than or equal to 0"),
        (_set("place", 2**31), "items.1.place: Input should be less than 2147483648"),
        (_set("place", 2**63), "it has the number 9223372036854775808, which is too large"),
        (_set("place", 1.0), "items.1.place: Input should be a valid integer"),
        (_set("place", True), "items.1.place: Input should be a valid integer"),
        (_set("n_tokens", [1, 2, 3, 2**31]), r"items.1.n_tokens.3: Input should be less than"),
        (_set("n_tokens", [1, 2, 3, 0]), r"items.1.n_tokens.3: Input should be greater than"),
        (_set("logprobs", [-1.0] * 1001), "items.1.logprobs: List should have at most 1000"),
        (_plan(tokens_decoded=2**53 - 1), "plans.0.tokens_decoded: Input should be less than"),
        (_plan(logit_rows=2**63), "it has the number 9223372036854775808"),
        (_plan(elapsed_s=1e300), "plans.0.elapsed_s: Input should be less than"),
        (_plan(elapsed_s=-1.0), "plans.0.elapsed_s: Input should be greater than"),
        (_plan(items=[0, 1, 2**31]), "plans.0.items: 2147483648 is no index of a data set"),
        (_plan(items=[0, 1, -1]), "plans.0.items: -1 is no index of a data set"),
        (_plan(items=[0, 1.5]), "plans.0.items: 1.5 is no index of a data set"),
        (_plan(items=["\x1b[2J"]), r"plans.0.items: '\\x1b\[2J' is no index of a data set"),
        (_plan(items={}), "plans.0.items: Input should be a valid array"),
        (_fact("n_params", 0), "a model has no parameters"),
        (_fact("n_batch", -1), "a count is below 0"),
        (_stint("logit_rows", 2**50), "took more than any command can"),
        (_stint("measured_at", "0001-01-01T00:00:00+14:00"), "no time of this millennium"),
        (_stint("measured_at", "2026-01-01T00:00:00"), "no time of this millennium"),
        (lambda content: content.update(created_at="9999-12-31T23:59:59-14:00"), "created_at"),
        (lambda content: content.update(plans=None), "plans: Input should be a valid array"),
        (lambda content: content.update(items={}), "items: Input should be a valid array"),
        (lambda content: content.update(items=[0] * 10), "items.0: Input should be an object"),
        (lambda content: content["items"][0].update({"\x1b]0;": 1}), r"items.0.\\x1b\]0;"),
        (_foreign_plan, "item 0 is in no plan"),
        (_extra_fact, "plans.0.facts.mood"),
        (lambda content: content["setting"].pop("backend"), "setting.backend"),
        (lambda content: content.update(mood="good"), "mood"),
        (lambda content: content.update(file="\ud800"), "half of a surrogate pair"),
    ],
)
def test_records_that_cannot_be_true_are_refused(
    change: Callable[[dict[str, Any]], None], reason: str, exported: Path, tmp_path: Path
) -> None:
    content = json.loads(exported.read_text("utf-8"))
    del content["sha256"]
    change(content)
    # The hash is right: what is wrong was wrong before it was made.
    exported.write_text(dump(content), "utf-8")
    with pytest.raises(StoreError, match=rf"run\.json cannot be imported: .*{reason}"):
        import_run(tmp_path / "other.db", exported)
    assert not (tmp_path / "other.db").exists()


def test_changed_records_are_noticed(exported: Path) -> None:
    text = exported.read_text("utf-8")
    digits = [index for index, char in enumerate(text) if char.isdigit()]
    for index in digits[:: len(digits) // 60]:
        digit = str((int(text[index]) + 1) % 10)
        changed = text[:index] + digit + text[index + 1 :]
        with contextlib.suppress(ValueError):
            if json.loads(changed) == json.loads(text):
                # The last of 17 digits: the same number.
                continue
        exported.write_text(changed, "utf-8")
        with pytest.raises(
            StoreError,
            match=r"changed since it was exported|newer edgeval|no JSON|no exported run",
        ):
            load(exported)
    for index in range(0, len(text) - 1, len(text) // 20):
        exported.write_text(text[:index], "utf-8")
        with pytest.raises(StoreError, match=r"is no JSON|is empty"):
            load(exported)
    # What is only laid out otherwise is the same record.
    exported.write_text(json.dumps(json.loads(text), sort_keys=True), "utf-8")
    assert len(load(exported).items) == 4


@pytest.mark.parametrize("text", ["[]", "{}", "7", '{"schema_version": 1}', "[" * 100_000])
def test_files_that_are_no_record_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, "utf-8")
    with pytest.raises(StoreError, match=r"is no exported run|is nested more than 64 deep"):
        load(tmp_path / "x.json")


@pytest.mark.skipif(os.name == "nt", reason="no pipes there")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="it is a pipe, not a regular file"):
        load(tmp_path / "pipe")
    with pytest.raises(StoreError, match="it is a device, not a regular file"):
        load(Path("/dev/zero"))
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(StoreError, match=r"it has 10,000\.0 MB, and at most 200\.0 MB are read"):
        load(tmp_path / "large")


@pytest.mark.parametrize("place", ["items", "plans", "plan", "stints"])
def test_a_million_faults_take_no_more_than_the_file(
    place: str, exported: Path, tmp_path: Path
) -> None:
    content = json.loads(exported.read_text("utf-8"))
    del content["sha256"]
    many = [0.5] * 100_000
    if place == "plan":
        content["plans"][0]["items"] = many
    elif place == "stints":
        content["plans"][0]["stints"] = many
    else:
        content[place] = many
    exported.write_text(dump(content), "utf-8")
    tracemalloc.start()
    with pytest.raises(StoreError, match="cannot be imported"):
        load(exported)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 15 * exported.stat().st_size


def test_a_newer_record_is_refused(exported: Path, tmp_path: Path) -> None:
    content = json.loads(exported.read_text("utf-8"))
    exported.write_text(json.dumps(content | {"schema_version": 3}), "utf-8")
    with pytest.raises(StoreError, match=r"newer edgeval \(schema 3, this one reads 2\)"):
        import_run(tmp_path / "other.db", exported)


def test_an_imported_run_answers_an_evaluation(
    tiny_f16: Path, tiny_items: Path, db: Path, tmp_path: Path
) -> None:
    run, expected = score_file(tiny_f16, tiny_items, db)
    export_run(db, 1, tmp_path / "run.json")
    other, lines = tmp_path / "other.db", Lines()
    assert import_run(other, tmp_path / "run.json").n_added == 40
    again, scores = score_file(tiny_f16, tiny_items, other, lines)
    assert scores == expected
    assert again == as_stored(run)
    assert lines.lines == [f"{tiny_f16.name}: 40 of 40 items already scored"]


def test_plans_that_share_items_score_each_item_once(
    tiny_f16: Path, tiny_items: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_scorer, "_SAVE_INTERVAL_S", 0.0)
    other = tmp_path / "other.db"
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny_f16, tiny_items, db, StopAfter(10))
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny_f16, tiny_items, other, StopAfter(4), limit=30)
    # Parts of both plans are left, and 30 items are in both.
    n_first = list_runs(other)[0].n_items
    export_run(db, 1, tmp_path / "run.json")
    with Store(other) as store, store.connection() as connection:
        connection.execute("DELETE FROM score")
    done = import_run(other, tmp_path / "run.json")
    assert n_first > 0
    assert done.n_added > 0
    _, scores = score_file(tiny_f16, tiny_items, other)
    _, again = score_file(tiny_f16, tiny_items, other)
    assert scores == again
    assert len(scores) == 40


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content["plans"][0]["items"].append(10**6), "plan for item 1000000"),
        (
            lambda content: [
                values.pop() for values in content["items"][0].values() if isinstance(values, list)
            ],
            "3 choices for item .*, which has 4",
        ),
    ],
)
def test_records_that_do_not_fit_the_data_are_a_sentence(
    change: Callable[[dict[str, Any]], Any],
    reason: str,
    tiny_f16: Path,
    tiny_items: Path,
    db: Path,
    tmp_path: Path,
) -> None:
    score_file(tiny_f16, tiny_items, db, limit=5)
    export_run(db, 1, tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text("utf-8"))
    del content["sha256"]
    change(content)
    (tmp_path / "run.json").write_text(dump(content), "utf-8")
    other = tmp_path / "other.db"
    import_run(other, tmp_path / "run.json")
    with pytest.raises(StoreError, match=rf"run 1 of the store .*{reason}.*runs delete 1"):
        score_file(tiny_f16, tiny_items, other)
