"""Hold the scores of another backend to the CPU's, item by item.

Example::

    python scripts/check_backend.py cuda models/demo models/demo/items.jsonl --work work

Makes the ladder of a checkpoint, scores the items on the CPU and on the backend, and prints for
each type how many picks are the same, how far log-probabilities are apart, and how fast each was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgeval import metrics
from edgeval.convert import convert
from edgeval.measure import evaluate_file
from edgeval.quantize import quantize
from edgeval.setup import Options, prepare

TYPES = "Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,Q3_K_M,Q2_K"


def main(
    backend: Annotated[str, typer.Argument(help="cuda or metal.")],
    checkpoint: Annotated[Path, typer.Argument(exists=True, help="Checkpoint directory.")],
    data: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Items.")],
    work: Annotated[Path, typer.Option(help="Folder of the GGUFs.")],
    types: Annotated[str, typer.Option(help="Types beside F32 and F16.")] = TYPES,
    limit: Annotated[int | None, typer.Option(min=1, help="At most N items.")] = None,
    cpu_limit: Annotated[
        int | None, typer.Option(min=0, help="Of these, score N on the CPU; 0: none.")
    ] = None,
) -> None:
    """Print one line a type."""
    work.mkdir(parents=True, exist_ok=True)
    ladder = [work / f"{name}.gguf" for name in ("F32", "F16")]
    for path, dtype in zip(ladder, ("f32", "f16"), strict=True):
        if not path.is_file():
            convert(checkpoint, path, dtype)  # type: ignore[arg-type]
    ladder += quantize(ladder[1], types.split(","), work) if types else []
    for path in ladder:
        options = Options(data=data, backend=backend, limit=limit)
        measured = evaluate_file(path, prepare(options))
        run, scores = measured.run, measured.scores
        line = f"{run.type:8} {backend} {run.tokens_per_s:9,.0f} tokens/s ({run.elapsed_s:.1f} s)"
        if cpu_limit != 0:
            n = min(len(scores), cpu_limit or len(scores))
            on_cpu = evaluate_file(path, prepare(Options(data=data, backend="cpu", limit=n)))
            cpu, expected = on_cpu.run, on_cpu.scores
            both = [(scores[place], expected[place]) for place in expected]
            apart = np.abs([np.subtract(one.logprobs, other.logprobs) for one, other in both])
            pairs = [(metrics.picks(one), metrics.picks(other)) for one, other in both]
            same = {
                name: sum(one[name] == other[name] for one, other in pairs)
                for name in ("acc", "acc_norm")
            }
            line += (
                f", cpu {cpu.tokens_per_s:9,.0f}; of {n:,} items the same pick: "
                f"acc {same['acc']:,}, acc_norm {same['acc_norm']:,}; "
                f"|d logprob| max {apart.max():.2g}, mean {apart.mean():.2g}, "
                f"median {np.median(apart):.2g}"
            )
        typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
