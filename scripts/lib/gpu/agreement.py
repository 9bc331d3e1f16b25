"""How far two computations of the same choices are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.evaluation.yardstick import N_ITEMS
from edgeval.stats import metrics
from edgeval.tasks.item import ItemScore

METRICS = ("acc", "acc_norm")
_DRAWS = 1000

Float64 = npt.NDArray[np.float64]
Scores = Sequence[ItemScore]


def agreement(ours: Scores, theirs: Scores) -> dict[str, Any]:
    """Return how far two computations of the same items are apart, as a JSON object.

    Returns:
        The number of items; those with the same pick, by metric; of |Δ logprob| in nats the
        largest, the 99th percentile, mean and median over the choices; of |Δ logprob| a token the
        largest and the mean; and ``token_change_of_draws``, see there.
    """
    changes = logprob_changes(ours, theirs)
    by_token = changes / _token_counts(theirs)
    return {
        "items": len(ours),
        "same_picks": {
            name: sum(
                metrics.pick(one, name) == metrics.pick(other, name)
                for one, other in zip(ours, theirs, strict=True)
            )
            for name in METRICS
        },
        "logprob_change": {
            "max": float(changes.max()),
            "p99": float(np.quantile(changes, 0.99)),
            "mean": float(changes.mean()),
            "median": float(np.median(changes)),
        },
        "token_change": {"mean": float(by_token.mean()), "max": float(by_token.max())},
        "token_change_of_draws": token_change_of_draws(by_token, [len(s.logprobs) for s in ours]),
    }


def distance(ours: Scores, exact: Scores) -> dict[str, float]:
    """Return mean and largest |Δ logprob| from the exact values, and the mean a token, in nats."""
    changes = logprob_changes(ours, exact)
    return {
        "mean": float(changes.mean()),
        "max": float(changes.max()),
        "token_mean": float((changes / _token_counts(exact)).mean()),
    }


def logprob_changes(ours: Scores, theirs: Scores) -> Float64:
    """Return |Δ logprob| of each choice in nats, shape (choices of all items,)."""
    pairs = zip(ours, theirs, strict=True)
    changes: list[Float64] = [np.subtract(one.logprobs, two.logprobs) for one, two in pairs]
    return np.abs(np.concatenate(changes))


def token_change_of_draws(
    by_token: Float64, n_choices: Sequence[int], seed: int = 0
) -> dict[str, float | int]:
    """Return what a check of few items says, over many draws of them.

    Args:
        by_token: |Δ logprob| a token of each choice, in nats.
        n_choices: Number of choices of each item.
        seed: Seed of the draws.

    Returns:
        Median and largest of the draws' mean |Δ logprob| a token over their choices; an item is
        drawn at most once a draw.
    """
    n_items = min(N_ITEMS, len(n_choices))
    starts = np.cumsum([0, *n_choices[:-1]])
    sums = np.add.reduceat(by_token, starts)
    rng = np.random.default_rng(seed)
    drawn = np.array([rng.permutation(len(sums))[:n_items] for _ in range(_DRAWS)])
    means = sums[drawn].sum(axis=1) / np.asarray(n_choices)[drawn].sum(axis=1)
    return {
        "draws": _DRAWS,
        "items": n_items,
        "median": float(np.median(means)),
        "max": float(means.max()),
    }


def _token_counts(scores: Scores) -> npt.NDArray[np.int64]:
    return np.concatenate([score.n_tokens for score in scores])
