"""Kill runs at random moments until they are done, and hold their scores to an uninterrupted one's.

Example::

    edgeval convert models/demo demo-F16.gguf
    python -m scripts.check.resume demo-F16.gguf models/demo/items.jsonl --kills 200

Also goes on with a copy of the store's file alone after some kills, runs two and four processes on
one store, and lets a slice grow.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer


def command(gguf: Path, data: Path, limit: int, store: Path, samples: Path) -> list[str]:
    """Return how a run is started."""
    options = ["--data", data, "--limit", limit, "--store", store, "--samples", samples, "--json"]
    return [sys.executable, "-m", "edgeval", "eval", *map(str, [gguf, *options])]


def started(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """Start a run."""
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )


def tokens_of(process: subprocess.Popen[str]) -> int:
    """Wait for a run and return the tokens that its record says were decoded.

    Raises:
        SystemExit: If it fails.
    """
    stdout, _ = process.communicate()
    if process.returncode:
        sys.exit(f"a run ended with exit code {process.returncode}")
    return int(json.loads(stdout)["runs"][0]["tokens_decoded"])


def scored(store: Path) -> int:
    """Return how many items a store has a score of."""
    if not store.is_file():
        return 0
    with contextlib.closing(sqlite3.connect(store)) as connection:
        (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (n,) = connection.execute("SELECT count(*) FROM score").fetchone() if n_tables else (0,)
    return int(n)


def left_alone(store: Path) -> bool:
    """Put a copy of a store in its place, without what is beside it; return whether that is done.

    A death within a commit leaves a journal, by which SQLite takes the commit back; then nothing is
    done.
    """
    if not store.is_file() or store.with_name(f"{store.name}-journal").exists():
        return False
    copy = store.with_name(f"copy-of-{store.name}")
    shutil.copyfile(store, copy)
    copy.replace(store)
    return True


def growth(grown: Path, at_once: Path) -> tuple[float, int]:
    """Return the largest difference of a log-probability, in nats, and how many picks differ."""
    rows = [
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (grown, at_once)
    ]
    pairs = list(zip(*rows, strict=True))
    largest = max(
        abs(a - b)
        for one, other in pairs
        for a, b in zip(one["logprobs"], other["logprobs"], strict=True)
    )
    return largest, sum(one["picks"] != other["picks"] for one, other in pairs)


def main(
    gguf: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Model.")],
    data: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Items.")],
    kills: Annotated[int, typer.Option(min=1, help="Runs to kill.")] = 200,
    limit: Annotated[int, typer.Option(min=1, help="Items of a run.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 0,
) -> None:
    """Print what was found; exit with 1 if a score differs."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = folder / "whole.jsonl"
        begun = time.perf_counter()
        whole_tokens = tokens_of(started(command(gguf, data, limit, folder / "whole.db", expected)))
        lasts_s = time.perf_counter() - begun
        typer.echo(f"uninterrupted: {limit:,} items, {whole_tokens:,} tokens, {lasts_s:.1f} s")
        stores, n_alone, worst = 0, 0, 0.0
        killed = 0
        while killed < kills:
            stores += 1
            store, samples = folder / f"{stores}.db", folder / f"{stores}.jsonl"
            run = command(gguf, data, limit, store, samples)
            for _ in range(rng.randint(1, 20)):
                process = started(run)
                time.sleep(rng.uniform(0.3, 1.0) * lasts_s * rng.random())
                process.kill()
                process.communicate()
                killed += 1
                if rng.random() < 0.3:
                    n_alone += left_alone(store)
                if scored(store) == limit or killed == kills:
                    break
            tokens = tokens_of(started(run))
            worst = max(worst, tokens / whole_tokens)
            if samples.read_bytes() != expected.read_bytes() or scored(store) != limit:
                sys.exit(f"the scores of store {stores} are not those of an uninterrupted run")
        typer.echo(
            f"{killed} runs killed, {n_alone} stores copied alone, {stores} stores resumed until "
            f"done: all scores bitwise equal, each item once; at most {worst:.3f} of the tokens"
        )
        for n_processes in (2, 4):
            store = folder / f"shared{n_processes}.db"
            processes = [
                started(command(gguf, data, limit, store, folder / f"{n_processes}-{index}.jsonl"))
                for index in range(n_processes)
            ]
            tokens = max(map(tokens_of, processes))
            same = all(
                (folder / f"{n_processes}-{index}.jsonl").read_bytes() == expected.read_bytes()
                for index in range(n_processes)
            )
            if not same:
                sys.exit(f"{n_processes} processes on one store got other scores")
            typer.echo(
                f"{n_processes} processes on one store: the same scores, "
                f"{tokens / whole_tokens:.3f} of the tokens in all"
            )
        store, samples = folder / "grown.db", folder / "grown.jsonl"
        for part in (limit // 10, limit * 4 // 10, limit):
            tokens_of(started(command(gguf, data, part, store, samples)))
        largest, n_picks = growth(samples, expected)
        typer.echo(
            f"a slice that grew twice: log-probabilities within {largest:.2g} nats of those at "
            f"once, {n_picks} picks of {limit:,} items differ"
        )


if __name__ == "__main__":
    typer.run(main)
