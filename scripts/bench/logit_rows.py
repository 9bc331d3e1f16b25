"""Measure what the logits that scoring reads cost, beside a prompt of which only the last is read.

Example::

    python -m scripts.bench.logit_rows tinyllama-Q4_K_M.gguf items.txt

``llama-bench`` times such a prompt, so this says how near to its speed scoring can come.
"""

from __future__ import annotations

import operator
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.llama import Model, Offload, Session, Tokenizer
from edgeval.llama.defaults import batch_tokens_for
from edgeval.scoring.plan import plan
from edgeval.scoring.score import decode_batches, settings_for
from edgeval.tasks.requests import Batch

PROMPT_TOKENS = 512
BATCHES_A_ROUND = 2
BASE = "a prompt, its last logits"


def main(
    gguf: Annotated[Path, typer.Argument(help="GGUF to run.")],
    data: Annotated[Path, typer.Argument(help="Items, as for edgeval eval --data.")],
    rounds: Annotated[int, typer.Option(help="Times each is measured, in turn.")] = 8,
) -> None:
    """Print decoded tokens a second and the ratio to the prompt: medians over all rounds.

    Raises:
        EdgevalError: If the model or the items cannot be used.
    """
    setup = prepare(Options(data=data))
    with Tokenizer(gguf) as vocabulary:
        file_type = vocabulary.file_type
        requests = [
            request for item in setup.items for request in setup.protocol.requests(item, vocabulary)
        ]
    planned = plan(requests, batch_tokens_for(file_type))
    settings = settings_for(planned, file_type, setup.threads)
    batches = list(planned)
    share = planned.rows / planned.tokens
    last = _prompt(1, vocabulary.n_vocab)
    as_many = _prompt(round(share * PROMPT_TOKENS), vocabulary.n_vocab)
    single = replace(settings, n_batch=PROMPT_TOKENS, n_sequences=1)
    with (
        Model(gguf, Offload(setup.devices)) as model,
        Session(model, settings) as session,
        Session(model, single) as prompt_session,
        ThreadPoolExecutor(setup.threads) as pool,
    ):

        def score(turn: int) -> int:
            first = turn * BATCHES_A_ROUND % (len(batches) - BATCHES_A_ROUND + 1)
            part = batches[first : first + BATCHES_A_ROUND]
            results = decode_batches(part, [session], pool, setup.threads)
            return sum(n_tokens for _, _, n_tokens in results)

        def decode(prompt: Batch, _turn: int) -> int:
            prompt_session.decode(prompt)
            return PROMPT_TOKENS

        kinds: dict[str, Callable[[int], int]] = {
            BASE: partial(decode, last),
            f"a prompt, {share:.0%} of its logits": partial(decode, as_many),
            "scoring": score,
        }
        speeds: dict[str, list[float]] = {name: [] for name in kinds}
        decode(last, 0)
        for turn in range(rounds):
            for name, work in kinds.items():
                started = time.perf_counter()
                n_tokens = work(turn)
                speeds[name].append(n_tokens / (time.perf_counter() - started))
    for name, values in speeds.items():
        # Ratios within a round: a shared machine's speed drifts.
        ratio = statistics.median(map(operator.truediv, values, speeds[BASE]))
        typer.echo(f"{name:>32}  {statistics.median(values):10,.1f} tokens/s  {ratio:.3f}")


def _prompt(n_rows: int, n_vocab: int) -> Batch:
    """Return a prompt of random tokens of which so many logits are read, the last among them."""
    generator = np.random.default_rng(0)
    reads = np.zeros(PROMPT_TOKENS, dtype=np.int8)
    reads[generator.permutation(PROMPT_TOKENS - 1)[: n_rows - 1]] = 1
    reads[-1] = 1
    nothing = np.zeros(1, dtype=np.int32)
    return Batch(
        requests=np.zeros(1, dtype=np.int64),
        tokens=generator.integers(n_vocab, size=PROMPT_TOKENS, dtype=np.int32),
        positions=np.arange(PROMPT_TOKENS, dtype=np.int32),
        sequence_counts=np.ones(PROMPT_TOKENS, dtype=np.int32),
        sequence_ids=np.zeros(PROMPT_TOKENS, dtype=np.int32),
        reads_logits=reads,
        rows=nothing,
        targets=nothing,
        counts=nothing,
    )


if __name__ == "__main__":
    typer.run(main)
