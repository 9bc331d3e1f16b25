"""Sequential drift: how far an accuracy is from a reference's, on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeval.records import Interval, Metric, Stopping
from edgeval.stats.intervals import LEVEL
from edgeval.stats.ladder_test import error_of
from edgeval.stats.looks import Looks
from edgeval.stats.metrics import margin
from edgeval.stats.paired import difference_estimate, limit_items
from edgeval.stats.samplers import RandomSampler
from edgeval.stats.sequential_accuracy import Accuracies, is_right
from edgeval.stats.stopping_rules import RangeRule
from edgeval.stats.weighted_sampler import WeightedSampler
from edgeval.tasks.item import ItemScore


class SequentialDrift:
    """Finds out how far an accuracy is from a reference's on the same items."""

    is_whole = False

    def __init__(
        self,
        reference: Mapping[int, ItemScore],
        size: int,
        metric: str,
        points: float,
        metrics: Sequence[str],
        *,
        seed: int,
        first: Sequence[int],
        limit: int,
        n_compared: int = 1,
    ) -> None:
        """Begin with no item.

        If the reference has the whole split, the items that can tell are drawn first, after those
        that are evaluated in any case; otherwise they are taken in its order.

        Args:
            reference: Its scores by index, in simple random order.
            size: Number of items in the split.
            metric: The metric whose picks are compared.
            points: The margin in points.
            metrics: The accuracies to tell, that one among them.
            seed: Seed of the draws.
            first: Indices of items that are evaluated in any case: a simple random sample.
            limit: Most items to evaluate.
            n_compared: Number of types whose intervals are to hold together.
        """
        self._reference = reference
        self._metric = metric
        self._points = points
        self._drawn: list[int] = []
        self._right: list[int] = []
        self._looks = Looks()
        self._n_compared = n_compared
        within = limit_items(points, size) / size
        statement, level = RangeRule(-within, within), 1 - 2 * error_of(n_compared)
        order = list(reference)
        self._accuracies: Accuracies | None = None
        self._sampler: RandomSampler | WeightedSampler
        if len(order) == size:
            by_place = [reference[index] for index in range(size)]
            self._sampler = WeightedSampler(
                [margin(score, metric) for score in by_place],
                [is_right(score, metric) for score in by_place],
                statement,
                seed,
                first=first,
                limit=limit,
                level=level,
            )
        else:
            self._sampler = RandomSampler(order[:limit], size, (-1, 0, 1), statement, level=level)
            self._accuracies = Accuracies(order, size, points, metrics)
        self.limit = self._sampler.limit

    @property
    def is_over(self) -> bool:
        """Whether it is decided, or no item is left."""
        return self._sampler.is_over

    @property
    def difference(self) -> tuple[float, Interval]:
        """The accuracy minus the reference's on the split, in points, and its interval.

        It holds together with those of the other types.
        """
        found = self._sampler.sequence
        value, low, high = (100 * mean for mean in found.means)
        return value, Interval(low=low, high=high, level=LEVEL)

    @property
    def note(self) -> str:
        """The estimate and its interval, in short."""
        value, interval = self.difference
        return f"{value:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"

    def next_block(self) -> list[int]:
        """Return the indices of the items to evaluate next."""
        self._drawn = self._sampler.next_block()
        return self._drawn

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of the last block, in its order; all at once."""
        theirs = [self._reference[index] for index in self._drawn]
        was_right = [is_right(score, self._metric) for score in theirs]
        right = [is_right(score, self._metric) for score in scores]
        leads = [[margin(score, self._metric) for score in each] for each in (scores, theirs)]
        changes = np.subtract(leads[0], leads[1]).tolist()
        self._sampler.add(np.subtract(right, was_right).tolist(), changes)
        self._looks.add(self._sampler.sequence.n, self._sampler.sequence.means)
        self._right += right
        if self._accuracies is not None:
            self._accuracies.add(scores)

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies that its items can tell.

        Items that were drawn for what they can tell are no sample of the split: from them the
        accuracy is the reference's and the difference.
        """
        if self._accuracies is not None:
            return self._accuracies.metrics()
        size = len(self._reference)
        known = sum(is_right(score, self._metric) for score in self._reference.values()) / size
        estimate = difference_estimate(known, *self.difference)
        return {
            self._metric: Metric(
                correct=sum(self._right),
                total=len(self._right),
                value=estimate.value,
                interval=None,
                split_interval=estimate.interval,
            )
        }

    def stopping(self) -> Stopping:
        """Return when and why it stopped."""
        sampler = self._sampler
        return Stopping(
            points=self._points,
            is_decided=sampler.is_decided,
            design="random order" if isinstance(sampler, RandomSampler) else "weighted",
            n_items=sampler.sequence.n,
            n_compared=self._n_compared,
            looks=self._looks.all,
        )
