"""Stores in which one file was scored several times, with known changes in between."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeval.llama.defaults import SCORING_VERSION
from edgeval.records import Machine, Speed
from edgeval.store.store import Store
from edgeval.tasks import protocol, registry
from edgeval.tasks.item import ItemScore
from tests.helpers.fakes import make_item
from tests.helpers.hellaswag import ROW
from tests.helpers.stores import DEVICE, FACTS, WORK, open_run

GOLD, N_ITEMS = 3, 10


@dataclass(frozen=True)
class Again:
    """One run of a file.

    Attributes:
        picks: What it picks of each item, the first one first.
        engine: Version of the engine.
        shift: What is added to all log-probabilities.
        tokens: Tokens decoded in two seconds; 0 if nobody kept it.
        device: The machine.
        settings: What else is different in its key.
    """

    picks: Sequence[int]
    engine: str = "0.3.35"
    shift: float = 0.0
    tokens: int = 0
    device: Machine = DEVICE
    settings: tuple[tuple[str, Any], ...] = ()


def data_file(folder: Path, n_items: int = N_ITEMS) -> Path:
    """Write items of which all have the same choices, and the last one is right."""
    path = folder / "rows.jsonl"
    lines = [json.dumps(ROW | {"ind": ind, "label": str(GOLD)}) for ind in range(n_items)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def known_data(path: Path) -> dict[str, Any]:
    """Return what keys say of runs on a file of items."""
    task = registry.TASKS["hellaswag"]
    asked = protocol.of_task(task, "lm-eval")
    return {
        "data_fingerprint": task.load(path, offline=True).fingerprint,
        "protocol_version": asked.version,
        "scoring_version": SCORING_VERSION,
        "task_version": task.version,
    }


def score(pick: int, shift: float) -> ItemScore:
    """Return a score by which any metric picks one choice of four."""
    logprobs = tuple(-10.0 + shift if at == pick else -90.0 + shift for at in range(4))
    means = tuple(-1.0 if at == pick else -9.0 for at in range(4))
    return ItemScore(make_item(), logprobs, (4,) * 4, means, (False,) * 4)


def add_runs(path: Path, runs: Sequence[Again], *, file: str = "m.gguf", **changes: Any) -> Path:
    """Add runs of one file to a store; a setting that is there is scored afresh."""
    for run in runs:
        setting = {"engine": f"llama-cpp-python {run.engine}", **changes, **dict(run.settings)}
        with Store(path) as store, open_run(store, file=file, fresh=True, **setting) as stored:
            scores = {at: score(pick, run.shift) for at, pick in enumerate(run.picks)}
            plan = stored.add_plan(tuple(scores), replace(FACTS, n_total=N_ITEMS), run.device)
            speed = Speed(
                device=run.device,
                threads=2,
                n_items=len(scores),
                tokens_decoded=run.tokens,
                logit_rows=1,
                elapsed_s=2.0,
            )
            stored.save(plan, scores, WORK, stint=speed if run.tokens else None)
    return path


def make_twice(path: Path) -> Path:
    """Write a store with one file that two engine versions scored."""
    picks = [GOLD] * N_ITEMS
    return add_runs(path, [Again(picks, tokens=200), Again(picks, "0.3.36", 0.25, tokens=400)])
