"""Measure how batch size, thread count and order change log-probabilities; F32 ones hardly may.

Example::

    edgeval convert models/demo demo-F32.gguf --dtype f32
    python -m scripts.check.invariance demo-F32.gguf models/demo/items.jsonl
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare

SEED = 0
Float64 = npt.NDArray[np.float64]


def main(
    gguf: Annotated[Path, typer.Argument(help="GGUF to run.")],
    data: Annotated[Path, typer.Argument(help="Items, as for edgeval eval --data.")],
    limit: Annotated[int | None, typer.Option(help="Number of items.", show_default="all")] = None,
    sizes: Annotated[str, typer.Option(help="Tokens a batch.")] = "1,64,256,1024",
    threads: Annotated[int, typer.Option(help="CPU threads, compared with one.")] = 2,
) -> None:
    """Print the largest change of a choice's log-probability, in nats; 0 is bitwise equal.

    Raises:
        EdgevalError: If the model or the items cannot be used.
    """
    options = Options(data=data, limit=limit, threads=threads)
    setup = prepare(options)
    base = _logprobs(gguf, setup)
    shuffled = list(setup.indices)
    random.Random(SEED).shuffle(shuffled)
    others = {
        "the same again": setup,
        "one thread": replace(setup, threads=1),
        "items shuffled": replace(setup, indices=shuffled),
        **{
            f"--batch {n}": replace(setup, options=replace(options, batch_tokens=int(n)))
            for n in sizes.split(",")
        },
    }
    typer.echo(f"{len(base):,} items, against the default batch size and {threads} threads")
    for name, other in others.items():
        found = _logprobs(gguf, other)
        change = max(float(np.abs(found[item] - base[item]).max()) for item in base)
        typer.echo(f"{name:>15}  {change:.2g}")


def _logprobs(gguf: Path, setup: EvalSetup) -> dict[str, Float64]:
    scores = evaluate_file(gguf, setup).scores
    return {score.item.id: np.array(score.logprobs) for score in scores.values()}


if __name__ == "__main__":
    typer.run(main)
