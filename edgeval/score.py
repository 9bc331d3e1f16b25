"""Run a plan on a session and yield each item's log-probabilities."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeval.errors import EngineError
from edgeval.llama import Model, Session, SessionSettings
from edgeval.plan import (
    MAX_SEQUENCES,
    Batch,
    Request,
    common_prefix_length,
    decoded_tokens,
    plan,
)
from edgeval.tasks import Item, ItemScore

BATCH_TOKENS = 256
"""Attention is over all cells of a unified cache, so that its cost grows with the square of the
batch, while matrix products gain little beyond this size on a CPU."""

UBATCH_TOKENS = 512
"""Most tokens computed at once; only an item longer than a batch comes near it."""

_REDUCED_ROWS = 32
"""Rows a thread reduces at once: at a vocabulary of 32,000 its scratch is 4 MB."""


@dataclass
class Work:
    """What scoring took; grows while it runs."""

    tokens_decoded: int = 0
    logit_rows: int = 0
    elapsed_s: float = 0.0


def settings_for(items: Sequence[Sequence[Request]], threads: int) -> SessionSettings:
    """Return settings in which the dearest item fits one batch."""
    dearest = max(decoded_tokens(requests) for requests in items)
    n_cells = max(BATCH_TOKENS, MAX_SEQUENCES, dearest)
    return SessionSettings(
        batch_tokens=BATCH_TOKENS,
        n_batch=n_cells,
        n_ubatch=min(n_cells, UBATCH_TOKENS),
        threads=threads,
    )


def score_items(
    model: Model,
    items: Sequence[Item],
    requests: Sequence[Sequence[Request]],
    settings: SessionSettings,
    work: Work | None = None,
) -> Iterator[ItemScore]:
    """Score items in order, batch by batch.

    Args:
        model: A loaded model.
        items: The items.
        requests: For each item, the requests of its choices under a protocol.
        settings: How to run the model; see ``settings_for``.
        work: Counts what was done so far.

    Yields:
        One score an item, in the order of ``items``.

    Raises:
        EngineError: If llama.cpp fails, or a log-probability is not finite.
    """
    work = work if work is not None else Work()
    threads = settings.threads
    with Session(model, settings) as session, ThreadPoolExecutor(threads) as pool:
        for batch in plan(requests, settings.batch_tokens):
            started = time.perf_counter()
            logits = session.decode(batch)
            logprobs = token_logprobs(logits, batch, pool, threads)
            work.elapsed_s += time.perf_counter() - started
            work.tokens_decoded += len(batch.tokens)
            work.logit_rows += batch.n_rows
            yield from _item_scores(batch, logprobs, items, requests)


def token_logprobs(
    logits: npt.NDArray[np.float32], batch: Batch, pool: ThreadPoolExecutor, threads: int
) -> npt.NDArray[np.float64]:
    """Return the log-probability of each scored token, in nats, shape (n_targets,), float64.

    The log-softmax is in float32 with the maximum subtracted, straight from the engine's buffer.
    """
    log_sums = np.empty(len(logits), dtype=np.float64)
    n_parts = min(threads, -(-len(logits) // _REDUCED_ROWS))
    bounds = np.linspace(0, len(logits), n_parts + 1, dtype=int)

    def reduce_part(part: int) -> None:
        for begin in range(bounds[part], bounds[part + 1], _REDUCED_ROWS):
            rows = slice(begin, min(begin + _REDUCED_ROWS, bounds[part + 1]))
            top = logits[rows].max(axis=1, keepdims=True)
            scratch = logits[rows] - top
            np.exp(scratch, out=scratch)
            log_sums[rows] = np.log(scratch.sum(axis=1), dtype=np.float64) + top[:, 0]

    list(pool.map(reduce_part, range(n_parts)))
    chosen = logits[batch.rows, batch.targets].astype(np.float64)
    return np.asarray(chosen - log_sums[batch.rows])


def _item_scores(
    batch: Batch,
    logprobs: npt.NDArray[np.float64],
    items: Sequence[Item],
    requests: Sequence[Sequence[Request]],
) -> Iterator[ItemScore]:
    choices = iter(np.split(logprobs, np.cumsum(batch.counts)[:-1]))
    for index in batch.items:
        yield _item_score(items[index], requests[index], [next(choices) for _ in requests[index]])


def _item_score(
    item: Item, requests: Sequence[Request], choices: Sequence[npt.NDArray[np.float64]]
) -> ItemScore:
    if not all(np.isfinite(choice).all() for choice in choices):
        raise EngineError(
            f"item {item.id}: a log-probability is not finite; the model file is damaged or this "
            "backend computes it wrongly, so make the file again or use --backend cpu"
        )
    # Choices may begin with the same tokens; the context itself is never scored.
    shared = max(0, common_prefix_length(requests) - requests[0].start)
    return ItemScore(
        item=item,
        logprobs=tuple(float(choice.sum()) for choice in choices),
        n_tokens=tuple(len(choice) for choice in choices),
        token_means=tuple(float(choice[shared:].mean()) for choice in choices),
    )
