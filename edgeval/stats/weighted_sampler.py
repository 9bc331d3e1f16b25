"""Flips against a known reference, looked for where they are likely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeval.stats.confidence_sequence import (
    Bets,
    ConfidenceSequence,
    Draws,
    Float64,
    growth_optimal,
)
from edgeval.stats.intervals import LEVEL
from edgeval.stats.samplers import BLOCK_ITEMS, Sampler
from edgeval.stats.stopping_rules import StoppingRule

Bools = npt.NDArray[np.bool_]

_PRIOR_SCALE = 0.05
_PRIOR_CHANGES = 10
"""Before an item is seen, margins are predicted to change by this share of the mean margin, as if
so many had."""
_PRIOR_FLIPS = 5.0
"""Flips that had been predicted, and seen, before the first: what the prediction is calibrated by.
"""
_ANY_FLIP = 0.02
_ANY_FLIP_ITEMS = 50
"""Any item may flip, whatever its margin: with this chance, which fades as items are seen, over so
many and theirs."""
_EQUAL_SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Shares of the probability that are spread over all items alike, of which the best is taken."""


@dataclass(frozen=True)
class _Allocation:
    """How the next items are drawn. Arrays have one entry an undrawn item, in order of index.

    Attributes:
        indices: Their indices.
        weights: The probability with which each is drawn next.
        expected: Its predicted value, in [-1, 1].
        rest: Their sum.
        bets: What is bet.
        variance: The predicted variance of one draw's estimate.
    """

    indices: npt.NDArray[np.int64]
    weights: Float64
    expected: Float64
    rest: float
    bets: Bets
    variance: float


class WeightedSampler(Sampler):
    """Flips against a reference of which every item is known: those that can tell come first.

    An item flips if its margin changes by more than the reference's. That is predicted from how
    much the margins of the items seen so far have changed: as a Laplace distribution, calibrated by
    the flips there were. Items are drawn with probabilities that are partly equal and partly in
    proportion to the standard deviation that is predicted of them, which is Neyman's allocation
    (1934, JRSS 97:558) with each item a stratum; what is predicted of the undrawn ones is a control
    variate. Wrong predictions cost items, not validity.
    """

    def __init__(
        self,
        margins: npt.ArrayLike,
        is_right: npt.ArrayLike,
        rule: StoppingRule,
        seed: int,
        *,
        first: Sequence[int] = (),
        limit: int | None = None,
        block: int = BLOCK_ITEMS,
        level: float = LEVEL,
    ) -> None:
        """Begin with nothing drawn.

        Args:
            margins: The reference's margin of every item of the population, by index: how much
                more it gives the gold choice than the best other one.
            is_right: Whether it picks the gold choice.
            rule: What is to be decided of the mean difference, in [-1, 1].
            seed: Seed of the draws.
            first: Places of the first block, which were drawn with equal probabilities.
            limit: Most items to draw.
            block: Items between two looks.
            level: Probability with which the intervals hold the difference, all of them.
        """
        self._sizes = np.abs(np.asarray(margins, dtype=np.float64))
        self._is_right: Bools = np.asarray(is_right, dtype=np.bool_)
        self._signs = np.where(self._is_right, -1.0, 1.0)
        size = len(self._sizes)
        super().__init__(ConfidenceSequence(size, -1, 1, level), rule, min(limit or size, size))
        self._rng = np.random.default_rng(seed)
        self._first = list(first)[: self.limit]
        self._block = block
        self._undrawn = np.ones(size, dtype=np.bool_)
        self._n_changes = _PRIOR_CHANGES
        self._sum_of_changes = _PRIOR_CHANGES * _PRIOR_SCALE * float(self._sizes.mean())
        # Of items that the reference has wrong, and right.
        self._flips = np.full(2, _PRIOR_FLIPS)
        self._predicted = np.full(2, _PRIOR_FLIPS)
        self._allocation: _Allocation | None = None
        self._drawn: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def next_block(self) -> list[int]:
        """Return the indices of the items to evaluate next."""
        shares = (1.0,) if self._first else _EQUAL_SHARES
        self._allocation = chosen = self._allocate(self._chances(), shares)
        if self._first:
            self._drawn = np.searchsorted(chosen.indices, self._first)
            self._first = []
        else:
            # The first of exponential races: draws without replacement in these proportions.
            times = self._rng.exponential(size=len(chosen.indices)) / chosen.weights
            n = min(self._block, self.limit - self.sequence.n)
            self._drawn = np.argsort(times, kind="stable")[:n]
        return [int(index) for index in chosen.indices[self._drawn]]

    def add(self, values: Sequence[int], changes: Sequence[float] = ()) -> None:
        """Take in what the items of the last block turned out to be; see ``Survey.add``."""
        chosen, drawn = self._allocation, np.array(values, dtype=np.float64)
        if chosen is None:
            raise ValueError("no block was drawn")
        indices, expected = chosen.indices[self._drawn], chosen.expected[self._drawn]
        weights = chosen.weights[self._drawn]
        # What was left before each draw: of the weight, and of what is expected.
        share = 1 - np.concatenate([[0.0], np.cumsum(weights)[:-1]])
        rest = chosen.rest - np.concatenate([[0.0], np.cumsum(expected)[:-1]])
        flipped = (self._signs[chosen.indices] - chosen.expected) / chosen.weights
        stayed = -chosen.expected / chosen.weights
        draws = Draws(
            values=drawn,
            estimates=rest + share * (drawn - expected) / weights,
            lowest=rest + share * min(flipped.min(), stayed.min()),
            highest=rest + share * max(flipped.max(), stayed.max()),
            variances=np.full(len(drawn), chosen.variance),
        )
        self._undrawn[indices] = False
        seen = self.sequence.seen + float(drawn.sum())
        may_fall = float((self._undrawn & self._is_right).sum())
        may_rise = float((self._undrawn & ~self._is_right).sum())
        self.sequence.add(draws, chosen.bets, (seen - may_fall, seen + may_rise))
        kinds = self._is_right[indices].astype(int)
        np.add.at(self._flips, kinds, np.abs(drawn))
        np.add.at(self._predicted, kinds, np.abs(expected))
        self._n_changes += len(changes)
        self._sum_of_changes += float(np.abs(changes).sum())

    def _chances(self) -> Float64:
        """Return the predicted probability of each item of the population that it flips."""
        scale = max(self._sum_of_changes / self._n_changes, np.finfo(np.float64).tiny)
        calibration = (self._flips / self._predicted)[self._is_right.astype(int)]
        anyhow = _ANY_FLIP / (self.sequence.n + _ANY_FLIP_ITEMS)
        expected: Float64 = calibration * 0.5 * np.exp(-self._sizes / scale)
        return np.minimum(0.5, expected) + anyhow

    def _allocate(self, chances: Float64, shares: Sequence[float]) -> _Allocation:
        """Return the allocation by which the statement is predicted to be decided first."""
        found = self.sequence
        indices = np.flatnonzero(self._undrawn)
        chance = chances[indices]
        sign = self._signs[indices]
        rest = float(sign @ chance)
        deviations = np.sqrt(chance * (1 - chance))
        below, above = self.to_exclude((found.seen + rest) / found.size)
        needed = (
            0.0 if found.low > below else found.threshold - found.capital(below)[0],
            0.0 if found.high < above else found.threshold - found.capital(above)[1],
        )

        def option(share: float) -> tuple[float, _Allocation]:
            weights = share / len(indices) + (1 - share) * deviations / deviations.sum()
            flipped = rest + sign * (1 - chance) / weights
            stayed = rest - sign * chance / weights
            estimates = np.concatenate([flipped, stayed])
            probabilities = np.concatenate([weights * chance, weights * (1 - chance)])
            over = growth_optimal(estimates - (below - found.seen), probabilities)
            under = growth_optimal((above - found.seen) - estimates, probabilities)
            items = max(map(_items, needed, (over[1], under[1])))
            variance = float((deviations**2 / weights).sum())
            bets = Bets(over[0], under[0])
            return items, _Allocation(indices, weights, sign * chance, rest, bets, variance)

        return min(map(option, shares), key=lambda choice: choice[0])[1]


def _items(needed: float, growth: float) -> float:
    """Return after how many items capital is predicted to have grown by what is needed."""
    if needed <= 0:
        return 0.0
    return needed / growth if growth > 0 else np.inf
