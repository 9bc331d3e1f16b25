"""Record the scores of a self-check's items on the CPU and on a GPU, for tests that have none.

Example::

    python -m scripts.golden.self_checks CHECKPOINT ITEMS OUT.json

Each type of the ladder is scored by both; nothing is judged.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from edgeval.checkpoints.convert.convert import convert
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.evaluation.yardstick import checked_places
from edgeval.quantization.quantize import quantize
from edgeval.tasks.item import ItemScore

TYPES = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")


def main(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, or an F32 GGUF.")],
    items: Annotated[Path, typer.Argument(help="Items in the hub's schema.")],
    out: Annotated[Path, typer.Argument(help="Where to write.")],
    backend: Annotated[str, typer.Option(help="The GPU's.")] = "cuda",
) -> None:
    """Record the scores of both."""
    found: dict[str, dict[str, list[ItemScore]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = checkpoint
        if checkpoint.is_dir():
            base = Path(folder) / "F32.gguf"
            convert(checkpoint, base, dtype="f32")
        for name, path in zip(TYPES, quantize(base, TYPES, Path(folder)), strict=True):
            found[name] = {each: _scores(path, items, each) for each in ("cpu", backend)}
    record = {
        "items": [
            {"n_tokens": score.n_tokens, "n_chars": score.n_chars, "gold": score.item.gold}
            for score in found["F16"]["cpu"]
        ],
        "logprobs": {
            name: {
                each: [[round(value, 4) for value in score.logprobs] for score in scores]
                for each, scores in both.items()
            }
            for name, both in found.items()
        },
    }
    out.write_text(json.dumps(record), encoding="utf-8")


def _scores(path: Path, items: Path, backend: str) -> list[ItemScore]:
    setup = prepare(Options(data=items, backend=backend, check=backend == "cpu", kl_items=0))
    scores = evaluate_file(path, setup).scores
    return [scores[place] for place in checked_places(setup)]


if __name__ == "__main__":
    typer.run(main)
