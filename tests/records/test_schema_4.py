"""What an edgeval of records of schema 4 wrote: it named no task, and is read as it was.

``golden/schema_4`` holds a ladder of the demo, F16 and Q4_0 on 12 items: the report, the store, a
run and a reference exported of it; and an evaluation of both on 3 items.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import prepare
from edgeval.records import SCHEMA_VERSION, Report
from edgeval.records.score_key import ScoreKey
from edgeval.report import pages, record_files
from edgeval.stats.verdict import judged
from edgeval.store.exchange import export_run, import_run
from edgeval.store.reference_export import export_reference
from edgeval.store.run_file import load
from edgeval.store.runs import list_runs, show_run

GOLDEN = Path(__file__).parents[1] / "golden" / "schema_4"
ITEMS = cards_folder() / "demo" / "items.jsonl"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return shutil.copyfile(GOLDEN / "edgeval.db", tmp_path / "edgeval.db")


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def old_report(folder: Path, content: Any) -> Report:
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    return record_files.load_run(folder)


def test_a_report_says_what_it_said_and_names_its_task(tmp_path: Path) -> None:
    content = golden("report.json")
    found = old_report(tmp_path, content)
    assert (found.schema_version, found.corrections) == (SCHEMA_VERSION, ())
    assert (found.data.task, found.data.task_version) == ("hellaswag", 1)
    # All else is as it was: numbers and conclusions, or there were corrections, and the texts.
    now = found.model_dump(mode="json")
    del now["data"]["task"], now["data"]["task_version"]
    assert (now["base_model"], now["data"].pop("chance")) == (None, None)
    assert [claim.pop("shots") for claim in now["claims"]] == [0] * len(now["claims"])
    for name in ("command", "model", "data", "protocol", "engine", "device", "claims"):
        assert now[name] == content[name]
    assert [each["id"] for each in now["verdicts"]] == [each["id"] for each in content["verdicts"]]
    record_files.save(found, tmp_path / "new")
    assert record_files.load_run(tmp_path / "new") == found
    assert "hellaswag" not in pages.markdown_page(found).lower()


def test_an_edited_one_is_still_told(tmp_path: Path) -> None:
    content = golden("report.json")
    content["verdicts"][0]["status"] = "reproduced"
    content["drift"][0]["split"]["outcome"] = "worse"
    (sentence,) = old_report(tmp_path, content).corrections
    assert "verdicts.0.status is reproduced, not inconclusive" in sentence
    assert "drift.0.split.outcome is worse, not" in sentence


def test_an_evaluation_names_its_task() -> None:
    found = record_files.load_record(GOLDEN / "evaluation.json")
    assert (found.schema_version, found.data.task, found.data.n_items) == (
        *(SCHEMA_VERSION, "hellaswag", 3),
    )


def test_a_store_is_listed_and_its_keys_mean_the_same(store: Path) -> None:
    assert [(run.file, run.type, run.task, run.n_items) for run in list_runs(store)] == [
        ("demo-F16.gguf", "F16", "hellaswag", 12),
        ("demo-Q4_0.gguf", "Q4_0", "hellaswag", 12),
    ]
    for number, stored in enumerate(settings(store), start=1):
        # This is the text that a store looks for: whoever has the same key finds the scores.
        key = show_run(store, number).setting
        assert key.text == stored
        assert (key.task, key.task_version) == (None, 1)
        assert "task" not in key.computation_text


def test_todays_key_of_the_same_evaluation_is_the_same_text(store: Path, tiny_f16: Path) -> None:
    """The parts that are of this machine and of another file are put in."""
    setup = prepare(Options(data=ITEMS, limit=12, protocol="lm-eval"))
    with_engine = setup.of(info(tiny_f16)).score_key("0" * 64)
    old = ScoreKey.model_validate_json(settings(store)[0])
    of_machine = ("gguf_sha256", "engine", "features", "backend", "devices", "gpu_layers")
    update = {name: getattr(old, name) for name in (*of_machine, "batch_tokens")}
    assert with_engine.model_copy(update=update).text == settings(store)[0]
    other = with_engine.model_copy(update=update | {"task": "piqa"})
    assert other.text != settings(store)[0]
    assert other.computation_text == old.computation_text


def test_an_exported_run_is_imported_and_exported_the_same(store: Path, tmp_path: Path) -> None:
    record = load(GOLDEN / "run.json")
    assert (record.file, len(record.items), record.setting.task) == ("demo-Q4_0.gguf", 12, None)
    found = import_run(store, GOLDEN / "run.json")
    assert (found.run, found.n_added, found.n_present) == (2, 0, 12)
    export_run(store, 2, tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert again == golden("run.json")


def test_a_reference_file_is_read_and_written_the_same(store: Path, tmp_path: Path) -> None:
    old = load_reference(GOLDEN / "reference.npz")
    assert (old.header.setting.task, len(old.indices), len(old.sketches)) == (None, 12, 2)
    metrics = old.metrics(ITEMS)
    recorded = golden("report.json")["runs"][0]["metrics"]
    assert {name: each.correct for name, each in metrics.items()} == {
        name: each["correct"] for name, each in recorded.items()
    }
    export_reference(store, 1, tmp_path / "again.npz")
    again = load_reference(tmp_path / "again.npz")
    changing = {"created_at", "sha256"}
    assert again.header.model_dump(exclude=changing) == old.header.model_dump(exclude=changing)
    assert again.scores(items(old)) == old.scores(items(old))
    # A key that names no task is written without one.
    assert b'"task' not in header_text(tmp_path / "again.npz")


# Claims are judged on their own task


def test_a_claim_is_judged_only_on_its_own_task(tmp_path: Path) -> None:
    report = old_report(tmp_path, golden("report.json"))
    (claim,) = report.claims
    wrong = claim.model_copy(update={"value": 5.0, "correct": 50})
    (own,) = judged(report, [wrong]).verdicts
    other = report.model_copy(update={"data": report.data.model_copy(update={"task": "piqa"})})
    (found,) = judged(other, [wrong]).verdicts
    assert own.protocol_match == "proxy"
    assert (found.status, found.protocol_match, found.confidence) == (
        *("inconclusive", "mismatch", None),
    )
    assert "task piqa where the claim is of hellaswag" in found.claim_citation.notes


def settings(store: Path) -> list[str]:
    with sqlite3.connect(store) as connection:
        rows = connection.execute("SELECT setting FROM measurement ORDER BY id").fetchall()
    connection.close()
    return [text for (text,) in rows]


def info(gguf: Path) -> Any:
    from edgeval.engine import running

    with running() as engine:
        return engine.info(gguf)


def items(reference: Any) -> dict[int, Any]:
    setup = prepare(Options(data=ITEMS))
    return {index: setup.item_at(index) for index in reference.indices}


def header_text(path: Path) -> bytes:
    import numpy as np

    with np.load(path) as archive:
        return bytes(archive["header"])
