"""Samplers: which items to evaluate next so that a rule is decided soon."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np

from edgeval.stats.confidence_sequence import Bets, ConfidenceSequence, Draws, growth_optimal
from edgeval.stats.intervals import LEVEL
from edgeval.stats.stopping_rules import StoppingRule

BLOCK_ITEMS = 64
"""Items between two looks: few beyond what a decision needs, and enough to fill batches."""

_PRIOR_FLIPS = 0.5
_PRIOR_ITEMS = 60.0
"""Before an item is seen, flips each way are predicted as if so many of so many had been."""


class Sampler(abc.ABC):
    """Items drawn in blocks until a rule is decided.

    Attributes:
        sequence: What the items say so far.
        limit: Most items to draw.
    """

    def __init__(self, sequence: ConfidenceSequence, rule: StoppingRule, limit: int) -> None:
        self.sequence = sequence
        self._rule = rule
        self.limit = limit

    @abc.abstractmethod
    def next_block(self) -> list[int]:
        """Return the indices of the items to evaluate next."""

    @abc.abstractmethod
    def add(self, values: Sequence[int], changes: Sequence[float] = ()) -> None:
        """Take in what the items of the last block turned out to be, in its order.

        Args:
            values: Their values.
            changes: By how much their margins have changed, for a sampler that learns from it.
        """

    @property
    def is_over(self) -> bool:
        """Whether the rule is decided, or no item is left."""
        return self.sequence.n >= self.limit or (self.sequence.n > 0 and self.is_decided)

    @property
    def is_decided(self) -> bool:
        """Whether the rule is decided."""
        _, low, high = self.sequence.means
        return self._rule.is_decided(low, high)

    def to_exclude(self, mean: float) -> tuple[float, float]:
        """Return the totals that bets are made against."""
        _, low, high = self.sequence.means
        below, above = self._rule.to_exclude(mean, low, high)
        return below * self.sequence.size, above * self.sequence.size


class RandomSampler(Sampler):
    """Items in a random order, all with the same probability."""

    def __init__(
        self,
        order: Sequence[int],
        size: int,
        outcomes: Sequence[int],
        rule: StoppingRule,
        block: int = BLOCK_ITEMS,
        level: float = LEVEL,
    ) -> None:
        """Begin with nothing drawn.

        Args:
            order: Indices of the items that may be drawn: the first of a random permutation of all.
            size: Number of items in the population.
            outcomes: The values that an item can have: 0 and 1, or -1, 0 and 1.
            rule: What is to be decided.
            block: Items between two looks.
            level: Probability with which the intervals hold the total, all of them.
        """
        low, high = min(outcomes), max(outcomes)
        super().__init__(ConfidenceSequence(size, low, high, level), rule, len(order))
        self._order = order
        self._block = block
        self._outcomes = np.array(outcomes, dtype=np.float64)
        # Flips are rare, and right answers are not.
        common = _PRIOR_ITEMS if len(outcomes) > 2 else _PRIOR_FLIPS
        self._counts = np.where(self._outcomes == 0, common, _PRIOR_FLIPS)
        self._bets = Bets(0.0, 0.0)

    def next_block(self) -> list[int]:
        """Return the indices of the items to evaluate next."""
        found = self.sequence
        probabilities = self._counts / self._counts.sum()
        left = found.size - found.n
        estimates = self._outcomes * left
        below, above = self.to_exclude((found.seen + float(probabilities @ estimates)) / found.size)
        self._bets = Bets(
            growth_optimal(estimates - (below - found.seen), probabilities)[0],
            growth_optimal((above - found.seen) - estimates, probabilities)[0],
        )
        return list(self._order[found.n : found.n + self._block])

    def add(self, values: Sequence[int], changes: Sequence[float] = ()) -> None:
        """Take in what the items of the last block turned out to be; see ``Sampler.add``."""
        found, drawn = self.sequence, np.array(values, dtype=np.float64)
        left = found.size - found.n - np.arange(len(drawn), dtype=np.float64)
        low, high = self._outcomes.min(), self._outcomes.max()
        draws = Draws(drawn, drawn * left, low * left, high * left, left * (left - 1))
        seen, rest = found.seen + float(drawn.sum()), float(left[-1]) - 1
        found.add(draws, self._bets, (seen + low * rest, seen + high * rest))
        self._counts += (drawn[:, np.newaxis] == self._outcomes).sum(axis=0)
