"""Record which shots the real lm-evaluation-harness shows, and the prompts it makes of them.

Its own hellaswag task runs over local items; nothing is scored. The result is what the tests hold
edgeval's few-shot prompts to::

    python -m scripts.golden.lm_eval_shots tests/golden/demo_lm_eval_shots.json

Needs lm_eval and typer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import lm_eval
import typer
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.samplers import ContextSampler

from scripts.lib.paths import DEMO_ITEMS

TASK = Path(lm_eval.__file__).parent / "tasks" / "hellaswag" / "hellaswag.yaml"
N_ITEMS = 20

CASES = [
    # Shots, and which lines of the items they are drawn from.
    (1, range(500, 1000)),
    (3, range(500, 1000)),
    (10, range(500, 1000)),
    # The evaluated items themselves are in the pool, and must not be shown to themselves.
    (10, range(13)),
    # Some are in it so often that the harness draws a second time.
    (10, [*range(12), *range(12), *range(12)]),
]


class Recorder(LM):  # type: ignore[misc]  # lm_eval is not installed where types are checked
    """A model that answers nothing and remembers the contexts it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: dict[int, str] = {}

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Remembers the context of each item."""
        self.contexts |= {request.doc_id: request.args[0] for request in requests}
        return [(-1.0, False)] * len(requests)

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        """Is not asked by this task."""
        raise NotImplementedError

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """Is not asked by this task."""
        raise NotImplementedError


def record(lines: Sequence[str], shots: int, pool: Sequence[int], folder: Path) -> dict[str, Any]:
    """Runs the harness over the first items.

    Args:
        lines: all items, a JSON line each.
        shots: how many it shows.
        pool: the lines they are drawn from.
        folder: an empty folder.

    Returns:
        For each of the items the ``ind`` of those shown, in their order, and the SHA-256 of the
        context.
    """
    files = {"train": folder / "pool.jsonl", "validation": folder / "items.jsonl"}
    files["train"].write_text("".join(lines[index] for index in pool), encoding="utf-8")
    files["validation"].write_text("".join(lines), encoding="utf-8")
    config = {
        "include": str(TASK),
        "task": "hellaswag_file",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: str(path) for split, path in files.items()}},
    }
    task = folder / "hellaswag_file.yaml"
    task.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    shown: list[list[int]] = []
    sample = ContextSampler.sample

    def remember(self: ContextSampler, *args: Any, **kwargs: Any) -> Sequence[dict[str, Any]]:
        drawn: Sequence[dict[str, Any]] = sample(self, *args, **kwargs)
        shown.append([int(document["ind"]) for document in drawn])
        return drawn

    model = Recorder()
    ContextSampler.sample = remember
    try:
        lm_eval.simple_evaluate(
            model=model, tasks=[str(task)], num_fewshot=shots, limit=N_ITEMS, bootstrap_iters=0
        )
    finally:
        ContextSampler.sample = sample
    digests = [
        hashlib.sha256(model.contexts[index].encode()).hexdigest() for index in range(N_ITEMS)
    ]
    return {"shots": shots, "pool": list(pool), "shown": shown, "context_sha256": digests}


def main(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="JSON file to write.")],
) -> None:
    """Writes the shots and prompts of the first items of the demo."""
    if out.exists():
        raise typer.BadParameter(f"{out} exists already; name another file")
    lines = DEMO_ITEMS.read_text(encoding="utf-8").splitlines(keepends=True)
    cases = []
    for shots, pool in CASES:
        with TemporaryDirectory() as folder:
            cases.append(record(lines, shots, pool, Path(folder)))
    content = {
        "source": "scripts/golden/lm_eval_shots.py",
        "versions": {name: version(name) for name in ("lm_eval", "datasets")},
        "cases": cases,
    }
    out.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
