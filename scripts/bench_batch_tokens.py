"""Measure how the number of tokens a batch is filled up to changes the speed of scoring.

Example::

    edgeval convert models/demo demo-F16.gguf
    python scripts/bench_batch_tokens.py demo-F16.gguf models/demo/items.jsonl --limit 300
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from edgeval.evaluate import Options, prepare
from edgeval.llama import Model
from edgeval.score import Work, score_items, settings_for


def main(
    gguf: Annotated[Path, typer.Argument(help="GGUF to run.")],
    data: Annotated[Path, typer.Argument(help="Items, as for edgeval eval --data.")],
    limit: Annotated[int, typer.Option(help="Number of items.")] = 300,
    rounds: Annotated[int, typer.Option(help="Times each size is measured, in turn.")] = 3,
    sizes: Annotated[str, typer.Option(help="Tokens a batch.")] = "128,256,512,1024,2048",
) -> None:
    """Print decoded tokens a second for each batch size, the best of all rounds."""
    setup = prepare(Options(data=data, limit=limit))
    fastest: dict[int, float] = {}
    with Model(gguf) as model:
        requests = [setup.protocol.requests(item, model) for item in setup.items]
        usual = settings_for(requests, setup.threads)
        for _ in range(rounds):
            for size in map(int, sizes.split(",")):
                n_batch = max(size, usual.n_batch)
                settings = replace(usual, batch_tokens=size, n_batch=n_batch)
                work = Work()
                for _score in score_items(model, setup.items, requests, settings, work):
                    pass
                speed = work.tokens_decoded / work.elapsed_s
                fastest[size] = max(speed, fastest.get(size, 0.0))
    for size, speed in fastest.items():
        typer.echo(f"{size:>6,} tokens a batch  {speed:>10,.0f} decoded tokens/s")


if __name__ == "__main__":
    typer.run(main)
