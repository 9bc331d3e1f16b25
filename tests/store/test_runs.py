"""Runs of a store: listed, shown, deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import StoreError
from edgeval.records.runs import RunDetails
from edgeval.store import runs
from edgeval.store.runs import delete_run, list_runs, show_run
from edgeval.store.store import Store
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.run_rows import rows_of
from tests.helpers.stores import (
    DEVICE,
    FACTS,
    SETTING,
    add_items,
    make_store,
    open_run,
)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def test_all_runs_are_listed(db: Path) -> None:
    with Store(db) as store:
        for fresh, items in ((False, [1, 2, 3]), (True, [1])):
            with open_run(store, fresh=fresh) as measurement:
                add_items(measurement, items)
        with open_run(store, file="other.gguf", gguf_sha256="c" * 64, shots=5):
            pass
    facts = [
        (run.number, run.file, run.type, run.protocol, run.shots, run.n_items, run.is_latest)
        for run in list_runs(db)
    ]
    assert facts == [
        (1, "m.gguf", "F16", "lm-eval", 0, 3, False),
        (2, "m.gguf", "F16", "lm-eval", 0, 1, True),
        (3, "other.gguf", None, "lm-eval", 5, 0, True),
    ]
    table = edgeval("runs", "--store", db).stdout.splitlines()
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in table if "│" in line]
    assert [row[:6] + row[7:] for row in cells] == [
        ["1", "m.gguf", "F16", "lm-eval", "items", "3", "no"],
        ["2", "m.gguf", "F16", "lm-eval", "items", "1", "yes"],
        ["3", "other.gguf", "\N{EN DASH}", "lm-eval, 5-shot", "items", "0", "yes"],
    ]
    (_, second, _) = json.loads(edgeval("runs", "--json", EDGEVAL_STORE=str(db)).stdout)
    assert second["n_items"] == 1


def test_a_run_is_shown(db: Path) -> None:
    make_store(db, runs=2, items=20)
    found = RunDetails.model_validate_json(
        edgeval("runs", "show", "2", "--store", db, "--json").stdout
    )
    assert found == show_run(db, 2)
    assert (found.file, found.n_items, found.items) == ("m2.gguf", 20, list(range(20)))
    added = {"gguf_sha256": f"{2:064x}", "devices": (), "gpu_layers": 0, "pre_tokenizer": None}
    added |= {"task": None, "task_version": 1}
    assert found.setting.model_dump() == SETTING | added
    (plan, _) = found.plans
    # The work of an older edgeval: of unknown threads, so that there is no speed.
    (stint,) = plan.stints
    assert (stint.device, stint.threads, stint.tokens_per_s) == (DEVICE, None, None)
    assert (stint.n_items, stint.tokens_decoded, stint.elapsed_s) == (10, 10, 0.25)
    assert (plan.n_items, plan.n_scored, plan.facts, plan.device) == (10, 10, FACTS, DEVICE)
    assert (plan.tokens_decoded, plan.logit_rows) == (10, 5)
    shown = edgeval("runs", "show", "2", "--store", db).stdout
    for word in ("m2.gguf", f"{2:064x}", "llama-cpp-python 0.3.36", "a CPU"):
        assert word in shown
    assert "40" not in shown.partition("computed by")[2]


def test_a_deleted_run_is_gone_and_the_others_are_not(db: Path, tmp_path: Path) -> None:
    make_store(db, runs=3, items=6)
    result = edgeval("runs", "delete", "2", "--store", db)
    assert_one_sentence(result, ["run 2", "6 items", "no terminal", "--yes"])
    assert edgeval("runs", "delete", "2", "--store", db, "--yes").returncode == 0
    make_store(tmp_path / "b.db", runs=1, items=6)
    delete_run(db, 3)
    assert rows_of(db) == rows_of(tmp_path / "b.db")


def test_what_is_not_there_is_a_sentence(db: Path, tmp_path: Path) -> None:
    for command in (
        ["runs"],
        ["runs", "show", "1"],
        ["runs", "delete", "1", "--yes"],
        ["runs", "export", "1", tmp_path / "run.json"],
        ["runs", "repair"],
    ):
        assert_one_sentence(edgeval(*command, "--store", db), ["there is no store at", str(db)])
    assert list(tmp_path.iterdir()) == []
    make_store(db, runs=1, items=2)
    with pytest.raises(StoreError, match="has no run 7; edgeval runs lists"):
        show_run(db, 7)
    with pytest.raises(StoreError, match="has no run 7"):
        delete_run(db, 7)
    missing = edgeval("runs", "import", tmp_path / "absent.json", "--store", db)
    assert_one_sentence(missing, ["cannot read", "absent.json"])
    # An option of the list that stands before a command would be for nothing.
    before = edgeval("runs", "--store", db, "delete", "1", "--yes")
    assert before.returncode == 2
    assert "after delete" in before.stderr
    assert len(list_runs(db)) == 1


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("answer", "left"), [(b"n\n", [1]), (b"y\n", [])])
def test_at_a_terminal_a_question_is_asked(answer: bytes, left: list[int], db: Path) -> None:
    import pty
    import subprocess
    import sys

    make_store(db, runs=1, items=2)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edgeval", "runs", "delete", "1", "--store", str(db)]
    with subprocess.Popen(command, stdin=theirs, stderr=subprocess.PIPE) as process:
        os.write(ours, answer)
        _, stderr = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert b"Delete run 1, m1.gguf, with 2 items scored?" in stderr
    assert [run.number for run in list_runs(db)] == left


def test_a_store_that_cannot_be_written_is_read_in_a_copy(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(db, runs=2, items=4)
    expected, details = list_runs(db), show_run(db, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    monkeypatch.setattr(runs.os, "access", lambda *_: False)
    # Whoever opens it where it is would leave a mark.
    monkeypatch.setattr(runs, "opened", _only_elsewhere(db, runs.opened))
    assert list_runs(db) == expected
    assert show_run(db, 1) == details
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before


def _only_elsewhere(db: Path, opened: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def checked(path: Path) -> Any:
        assert path.parent != db.parent
        return opened(path)

    return checked
