"""Files scored into a store, and their runs as they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.records import ModelRun
from edgeval.store.store import Store
from edgeval.tasks.item import ItemScore

Scores = list[ItemScore]
BATCH_TOKENS = 64


def as_stored(run: ModelRun) -> ModelRun:
    """Return a run as it is when all its scores were in the store."""
    assert run.speed is not None
    n_items = run.metrics["acc"].total
    stored = [*run.stored, run.speed]
    return run.model_copy(update={"speed": None, "n_from_store": n_items, "stored": stored})


def score_file(
    gguf: Path, items: Path, db: Path | None, progress: Any = None, **options: Any
) -> tuple[ModelRun, Scores]:
    setup = prepare(Options(data=items, batch_tokens=BATCH_TOKENS, threads=1, **options))
    with Store(db) as store:
        measured = evaluate_file(gguf, setup, store, progress=progress)
    return measured.run, list(measured.scores.values())
