"""Measure ``edgeval bench`` beside llama-bench: the same files, threads and build of llama.cpp.

Example::

    python -m scripts.bench.llama_bench LLAMA_BENCH a-F16.gguf a-Q4_K_M.gguf --rounds 5

In each round they take turns, file by file. Prints a Markdown table with the rates of every round
and the ratio of their means. The interpreter that runs this is edgeval's; llama-bench has to be
built of the same llama.cpp with the same options.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import run

Rates = dict[str, float]


def _ours(gguf: Path, options: list[object]) -> Rates:
    command = [sys.executable, "-m", "edgeval", "bench", gguf, *options, "--items", 0]
    return _rates(run([*command, "--output", "json"]).stdout)


def _theirs(program: str, gguf: Path, options: list[object]) -> Rates:
    return _rates(run([program, "-m", gguf, *options, "--output", "json", "-fa", 1]).stdout)


def _rates(text: str) -> Rates:
    """Return tokens a second by test; both programs print the same fields."""
    return {f"pp{row['n_prompt']} tg{row['n_gen']}": row["avg_ts"] for row in json.loads(text)}


def main(
    program: Annotated[str, typer.Argument(help="llama-bench.")],
    ggufs: Annotated[list[Path], typer.Argument(help="Files to time.")],
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 5,
    repetitions: Annotated[int, typer.Option(min=1, help="Repetitions in a turn.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each.")] = 2,
) -> None:
    """Print tokens/s of both, and their ratio."""
    ours_options: list[object] = ["--threads", threads, "--repetitions", repetitions]
    # llama-bench takes no slower or faster path than llama.cpp's own.
    ours_options += ["--kernels", "default", "--backend", "cpu"]
    theirs_options: list[object] = ["-p", 512, "-n", 128, "-t", threads, "-r", repetitions]
    theirs_options += ["-dev", "none", "-nopo", 1]
    rows = []
    for gguf in ggufs:
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(_ours(gguf, ours_options))
            theirs.append(_theirs(program, gguf, theirs_options))
        for test in ours[0]:
            own = [each[test] for each in ours]
            other = [each[test] for each in theirs]
            ratio = statistics.fmean(own) / statistics.fmean(other)
            shown = [", ".join(f"{each:.1f}" for each in rates) for rates in (own, other)]
            name = test.replace("pp0 ", "").replace(" tg0", "")
            rows.append([gguf.name, name, *shown, f"{ratio:.3f}"])
            typer.echo(rows[-1], err=True)
    typer.echo(table(["file", "test", "edgeval bench", "llama-bench", "ratio"], rows))


if __name__ == "__main__":
    typer.run(main)
