"""Positions: the scored tokens of a choice, counted from its first, in growing ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_DOUBLINGS: Final = 24
"""Of ranges; no context window has as many tokens."""

STARTS: Final = (1, 2, *(n * 2**power + 1 for power in range(_DOUBLINGS) for n in (2, 3)))
"""The first position of each range: 1, 2, 3, 4, 5, 7, 9, 13, 17, 25 and so on; two to a doubling.

Stored divergences are of these ranges. Whoever changes them raises the version of sketches.
"""

_INSIDE: Final = np.array(STARTS)


@dataclass(frozen=True)
class RangeSums:
    """How far a model is from the reference at the positions of one range, of one item.

    Attributes:
        n_positions: Number of positions.
        kl_sum: Sum of the coarsened KL divergences, in nats.
        rest_sum: Unbiased estimate of what the whole KL divergences have beyond that, in nats; None
            where the sketch has no tokens for it.
    """

    n_positions: int
    kl_sum: float
    rest_sum: float | None = None


def ends(number: int) -> tuple[int, int]:
    """Return the first and the last position of a range, counted from 1."""
    return STARTS[number], STARTS[number + 1] - 1


def by_range(
    kl: Sequence[npt.NDArray[np.float64]], rest: Sequence[npt.NDArray[np.float64]]
) -> tuple[RangeSums, ...]:
    """Return the divergence of an item in sum by ranges of positions, up to its last position.

    Args:
        kl: The coarsened divergences of each choice, in nats, shape (n_scored,).
        rest: What each drawn token says of the rest, in nats, shape (n_scored, n_drawn).
    """
    places = np.concatenate([np.arange(1, len(each) + 1) for each in kl])
    numbers = np.searchsorted(_INSIDE, places, side="right") - 1
    drawn = np.concatenate(rest)
    counts = np.bincount(numbers).tolist()
    sums = np.bincount(numbers, np.concatenate(kl)).tolist()
    if not drawn.shape[1]:
        return tuple(map(RangeSums, counts, sums))
    rests = np.bincount(numbers, drawn.mean(axis=1)).tolist()
    return tuple(map(RangeSums, counts, sums, rests))
