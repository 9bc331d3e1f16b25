r"""Measure builds of llama.cpp for more or less of a CPU, with llama-bench, on the same files.

Example::

    python -m scripts.bench.builds a-F16.gguf a-Q8_0.gguf --program native/bin/llama-bench \
        --build SSE4.2=sse42/bin --build AVX2=avx2/bin --build native=native/bin

A build is a folder of its libraries. Only that of the CPU differs (``libggml-cpu``), so nothing
else has to be built twice: llama-bench finds it there first. All take turns, in each round and file
by file. Prints a Markdown table with the rates of every round, and the ratio of each later build's
mean to that of each earlier one.
"""

from __future__ import annotations

import json
import statistics
import sys
from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer

from scripts.lib.peers.markdown import table
from scripts.lib.peers.process import run

_SEARCHED = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"


def _folder(name: str, given: str) -> Path:
    folder = Path(given).resolve()
    if not any(folder.glob("libggml-cpu*")):
        raise typer.BadParameter(f"build {name}: {given} holds no libggml-cpu; name its folder")
    return folder


def _builds(given: list[str]) -> dict[str, Path]:
    pairs = [text.partition("=") for text in given]
    if len(pairs) < 2 or not all(folder for _, _, folder in pairs):
        raise typer.BadParameter("give two builds or more, each as NAME=FOLDER")
    return {name: _folder(name, folder) for name, _, folder in pairs}


def _rates(program: str, folder: Path, gguf: Path, options: list[object]) -> dict[str, float]:
    """Return tokens a second by test."""
    command = [program, "-m", gguf, *options, "--output", "json"]
    rows = json.loads(run(command, env={_SEARCHED: str(folder)}).stdout)
    return {f"pp{row['n_prompt']} tg{row['n_gen']}": row["avg_ts"] for row in rows}


def main(
    ggufs: Annotated[list[Path], typer.Argument(help="Files to time.")],
    program: Annotated[str, typer.Option(help="llama-bench of any of the builds.")],
    build: Annotated[list[str], typer.Option(metavar="NAME=FOLDER", help="Slowest first.")],
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each.")] = 2,
    prompt: Annotated[int, typer.Option(min=1, help="Tokens of a prompt.")] = 512,
    generated: Annotated[int, typer.Option(min=1, help="Tokens generated.")] = 128,
) -> None:
    """Print tokens/s of each build, and their ratios."""
    builds = _builds(build)
    options: list[object] = ["-p", prompt, "-n", generated, "-t", threads, "-r", 1, "-fa", 1]
    options += ["-dev", "none"]
    steps = list(combinations(builds, 2))
    rows = []
    for gguf in ggufs:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in builds}
        for _ in range(rounds):
            for name, folder in builds.items():
                found[name].append(_rates(program, folder, gguf, options))
        for test in found[next(iter(builds))][0]:
            rates = {name: [each[test] for each in found[name]] for name in builds}
            means = {name: statistics.fmean(each) for name, each in rates.items()}
            rows.append(
                [
                    gguf.name,
                    test.replace("pp0 ", "").replace(" tg0", ""),
                    *(", ".join(f"{rate:.1f}" for rate in each) for each in rates.values()),
                    *(f"{means[after] / means[before]:.2f}" for before, after in steps),
                ]
            )
            typer.echo(rows[-1], err=True)
    ratios = [f"{after} / {before}" for before, after in steps]
    typer.echo(table(["file", "test", *builds, *ratios], rows))


if __name__ == "__main__":
    typer.run(main)
