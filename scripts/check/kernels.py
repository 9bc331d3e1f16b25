"""Hold both of llama.cpp's kernels for the CPU to exact scores, and time them side by side.

Example::

    python -m scripts.check.kernels demo-F16.gguf --data items.jsonl --workdir work

The model is quantized, and each type is expanded to F32 again (the same weights, computed in f32).
The items are scored with that, with llama.cpp's default kernels and with the plain ones, in turn.
Differences are in nats, of a choice's log-probability.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from edgeval.engine import running
from edgeval.errors import EngineError
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.quantization.quantize import quantize

PATHS: tuple[Literal["default", "plain"], ...] = ("default", "plain")


def main(
    gguf: Annotated[Path, typer.Argument(help="An F16 GGUF.")],
    data: Annotated[Path, typer.Option(help="Items.")],
    workdir: Annotated[Path, typer.Option(help="Where files are made, once.")],
    types: Annotated[str, typer.Option(help="Types to make.")] = "Q8_0,Q4_K_M,Q4_0,Q2_K",
    limit: Annotated[int, typer.Option(help="Number of items.")] = 200,
    rounds: Annotated[int, typer.Option(help="How often each is timed.")] = 3,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Print a row for each type and path."""
    setup = prepare(Options(data=data, limit=limit, threads=threads, backend="cpu"))
    typer.echo("| type | kernels | mean to exact | largest | same picks as exact | tokens/s |")
    typer.echo("| --- | --- | --- | --- | --- | --- |")
    with running():
        for path in quantize(gguf, types.split(","), workdir):
            (exact_path,) = quantize(path, ["F32"], workdir / path.stem, requantize=True)
            exact = evaluate_file(exact_path, setup)
            found = [_tried(path, setup, exact) for _ in range(rounds)]
            for kernels in PATHS:
                rows = [row for each in found if (row := each[kernels]) is not None]
                typer.echo(f"| {path.stem.rpartition('-')[2]} | {kernels} | {_cells(rows)} |")


def _tried(path: Path, setup: EvalSetup, exact: FileResult) -> dict[str, tuple[float, ...] | None]:
    """Return how far each path is from exact scores, and how fast; None if it cannot be used."""
    found: dict[str, tuple[float, ...] | None] = {}
    for kernels in PATHS:
        options = replace(setup.options, kernels=kernels)
        try:
            measured = evaluate_file(path, replace(setup, options=options, models={}))
        except EngineError:
            found[kernels] = None
            continue
        pairs = [
            (measured.scores[place].logprobs, exact.scores[place].logprobs)
            for place in exact.scores
        ]
        changes = np.abs(np.concatenate([np.subtract(ours, theirs) for ours, theirs in pairs]))
        same = sum(np.argmax(ours) == np.argmax(theirs) for ours, theirs in pairs)
        found[kernels] = (
            float(changes.mean()),
            float(changes.max()),
            float(same),
            (measured.run.speed and measured.run.speed.tokens_per_s) or 0.0,
        )
    return found


def _cells(rows: list[tuple[float, ...]]) -> str:
    if not rows:
        return "refused |  |  | "
    mean, largest, same, _ = rows[0]
    rate = statistics.median(row[3] for row in rows)
    return f"{mean:.3g} | {largest:.3g} | {same:.0f} | {rate:,.0f}"


if __name__ == "__main__":
    typer.run(main)
