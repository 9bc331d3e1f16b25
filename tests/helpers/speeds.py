"""Evaluations of tiny models, and what is shown of their speeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.cli.terminal import report as terminal
from edgeval.evaluation.early_stopping import sequential_accuracy
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.records import Evaluation, ModelRun, Report, Speed
from edgeval.store.exchange import export_run, import_run
from edgeval.store.run_file import dump
from edgeval.store.runs import show_run
from edgeval.store.store import Store
from tests.helpers.reports import ELSEWHERE

DASH = "\N{EN DASH}"


def run(gguf: Path, data: Path, db: Path | None, progress: Any = None, **options: Any) -> ModelRun:
    setup = prepare(Options(data=data, batch_tokens=64, **({"threads": 1} | options)))
    with Store(db) as store:
        pursuit = sequential_accuracy(setup)
        return evaluate_file(gguf, setup, store, sequential=pursuit, progress=progress).run


def evaluated(gguf: Path, data: Path, db: Path, **options: Any) -> Evaluation:
    return evaluate([gguf], Options(data=data, batch_tokens=64, store=db, **options))


def stints(db: Path, number: int = 1) -> list[Speed]:
    return [stint for plan in show_run(db, number).plans for stint in plan.stints]


def printed(record: Report | Evaluation, capsys: pytest.CaptureFixture[str]) -> str:
    if isinstance(record, Report):
        terminal.print_report(record)
    else:
        terminal.print_evaluation(record)
    return capsys.readouterr().out


def last_cell(shown: str, name: str) -> str:
    (row,) = (line for line in shown.splitlines() if line.startswith("│") and name in line)
    return row.strip("│ ").split("│")[-1].strip()


def changed(speed: Speed, **values: Any) -> Speed:
    return Speed.model_validate(speed.model_dump() | values)


# An imported run


def imported(gguf: Path, data: Path, tmp_path: Path, db: Path, **options: Any) -> ModelRun:
    """Import a run that another machine measured; return it as it was there."""
    there = run(gguf, data, tmp_path / "there.db", **options)
    export_run(tmp_path / "there.db", 1, tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text("utf-8"))
    elsewhere = ELSEWHERE.model_dump(mode="json")
    for plan in content["plans"]:
        plan["device"] = elsewhere
        for stint in plan["stints"]:
            stint["device"] = elsewhere
    del content["sha256"]
    (tmp_path / "run.json").write_text(dump(content), "utf-8")
    assert import_run(db, tmp_path / "run.json").n_added
    return there
