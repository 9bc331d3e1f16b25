"""Logits of a batch, reduced to what is said about its scored tokens."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeval.scoring.distributions import DistributionReader, RequestDivergence, Wanted
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.tasks.requests import Batch

Bools = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]

_REDUCED_ROWS = 8
"""Rows a thread reduces at once: at a vocabulary of 32,000 its scratch of 1 MB stays in cache."""


@dataclass(frozen=True)
class BatchScore:
    """What a model says about a batch. Arrays have one entry a scored token, as its ``targets``.

    Attributes:
        logprobs: Log-probability of each token after those before it, in nats, float64.
        is_greedy: Whether no token was more probable; where two are equally so, both are greedy.
        seen: What was seen of whole distributions, by request.
    """

    logprobs: Float64
    is_greedy: Bools
    seen: Mapping[int, TopLogprobs | RequestDivergence] = field(default_factory=dict)


def reduce_logits(
    logits: npt.NDArray[np.float32],
    batch: Batch,
    pool: ThreadPoolExecutor,
    threads: int,
    wanted: Wanted | None = None,
) -> BatchScore:
    """Reduce the logits of a batch to what is said about its scored tokens.

    The log-softmax is in float32 with the maximum subtracted, straight from the engine's buffer.

    Args:
        logits: Shape (n_rows, n_vocab), float32; must stay as it is meanwhile.
        batch: What the logits are of.
        pool: Runs the reduction.
        threads: How many parts it is cut into.
        wanted: The requests that are looked at closer.

    Returns:
        That of all scored tokens, in the order of ``targets``.
    """
    n_rows, n_vocab = logits.shape
    is_wanted = wanted and not wanted.keys().isdisjoint(batch.requests.tolist())
    reading = DistributionReader(batch, wanted, n_vocab) if wanted and is_wanted else None
    largest = np.empty(n_rows, dtype=np.float32)
    log_sums = np.empty(n_rows, dtype=np.float64)
    n_parts = min(threads, -(-n_rows // _REDUCED_ROWS))
    bounds = np.linspace(0, n_rows, n_parts + 1, dtype=int).tolist()

    def reduce_part(begin: int, end: int) -> None:
        for first in range(begin, end, _REDUCED_ROWS):
            rows = slice(first, min(first + _REDUCED_ROWS, end))
            largest[rows] = logits[rows].max(axis=1)
            scratch = logits[rows] - largest[rows, np.newaxis]
            np.exp(scratch, out=scratch)
            log_sums[rows] = np.log(scratch.sum(axis=1), dtype=np.float64)
            if reading is not None:
                reading.read(logits, rows, largest, log_sums)

    parts = [pool.submit(reduce_part, *part) for part in itertools.pairwise(bounds)]
    for part in parts:
        part.result()
    chosen, top = logits[batch.rows, batch.targets], largest[batch.rows]
    logprobs = chosen.astype(np.float64) - top - log_sums[batch.rows]
    return BatchScore(logprobs, chosen == top, reading.seen() if reading is not None else {})
