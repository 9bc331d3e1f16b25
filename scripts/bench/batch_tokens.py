"""Measure how the number of tokens a batch is filled up to changes the speed of scoring.

Example::

    edgeval convert models/demo demo-F16.gguf
    python -m scripts.bench.batch_tokens demo-F16.gguf models/demo/items.jsonl --limit 300
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.llama import Model, Tokenizer
from edgeval.scoring.plan import plan
from edgeval.scoring.score import score_requests, settings_for
from edgeval.tasks.requests import Work


def main(
    gguf: Annotated[Path, typer.Argument(help="GGUF to run.")],
    data: Annotated[Path, typer.Argument(help="Items, as for edgeval eval --data.")],
    limit: Annotated[int, typer.Option(help="Number of items.")] = 300,
    rounds: Annotated[int, typer.Option(help="Times each size is measured, in turn.")] = 3,
    sizes: Annotated[str, typer.Option(help="Tokens a batch.")] = "128,256,512,1024,2048",
) -> None:
    """Print the speed of each batch size, the best of all rounds.

    A small batch decodes some tokens again; counted are those of the whole run's prefix tree.
    """
    setup = prepare(Options(data=data, limit=limit))
    fastest: dict[int, float] = {}
    with Tokenizer(gguf) as vocabulary, Model(gguf) as model:
        choices = [setup.protocol.requests(item, vocabulary) for item in setup.items]
        requests = [request for each in choices for request in each]
        plans = {size: plan(requests, size) for size in map(int, sizes.split(","))}
        for _ in range(rounds):
            for size, planned in plans.items():
                work = Work()
                settings = settings_for(planned, model.file_type, setup.threads)
                for _scores in score_requests(model, planned, settings, work):
                    pass
                speed = planned.lower_bound / work.elapsed_s
                fastest[size] = max(speed, fastest.get(size, 0.0))
    for size, speed in fastest.items():
        again = plans[size].tokens / plans[size].lower_bound - 1
        typer.echo(
            f"{size:>6,} tokens a batch  {speed:>10,.1f} tokens/s  {again:.1%} decoded again"
        )


if __name__ == "__main__":
    typer.run(main)
