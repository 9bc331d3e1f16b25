"""Sequential accuracy: how accurate a model is, from items in random order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeval.records import Interval, Metric, Stopping
from edgeval.stats.confidence_sequence import ConfidenceSequence
from edgeval.stats.looks import Looks
from edgeval.stats.metrics import pick
from edgeval.stats.samplers import RandomSampler
from edgeval.stats.stopping_rules import PrecisionRule
from edgeval.tasks.item import ItemScore


class SequentialAccuracy:
    """Finds out an accuracy, from items in random order."""

    is_whole = False

    def __init__(
        self,
        order: Sequence[int],
        size: int,
        metric: str,
        points: float,
        metrics: Sequence[str],
    ) -> None:
        """Begin with no item.

        Args:
            order: Indices of the items that may be evaluated, in simple random order.
            size: Number of items in the split.
            metric: The metric that is to be known.
            points: To within so many points.
            metrics: The accuracies to tell, that one among them.
        """
        self.limit = len(order)
        self._metric = metric
        self._points = points
        self._sampler = RandomSampler(order, size, (0, 1), PrecisionRule(points / 100))
        self._accuracies = Accuracies(order, size, points, metrics, {metric: self._sampler})
        self._looks = Looks()

    @property
    def is_over(self) -> bool:
        """Whether it is decided, or no item is left."""
        return self._sampler.is_over

    @property
    def note(self) -> str:
        """The estimate and its interval, in short."""
        value, low, high = (100 * mean for mean in self._sampler.sequence.means)
        return f"{self._metric} {value:.1f} [{low:.1f}, {high:.1f}]"

    def next_block(self) -> list[int]:
        """Return the indices of the items to evaluate next."""
        return self._sampler.next_block()

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of the last block, in its order; all at once."""
        self._accuracies.add(scores)
        sequence = self._sampler.sequence
        self._looks.add(sequence.n, sequence.means)

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies of the items, with intervals that are valid at every look."""
        return self._accuracies.metrics()

    def stopping(self) -> Stopping:
        """Return when and why it stopped."""
        return Stopping(
            points=self._points,
            is_decided=self._sampler.is_decided,
            design="random order",
            n_items=self._sampler.sequence.n,
            looks=self._looks.all,
        )


class Accuracies:
    """Metrics of items in random order."""

    def __init__(
        self,
        order: Sequence[int],
        size: int,
        points: float,
        metrics: Sequence[str],
        samplers: Mapping[str, RandomSampler] | None = None,
    ) -> None:
        """Begin with no item; of the metrics that no sampler is given for, one is made."""
        known, given = PrecisionRule(points / 100), samplers or {}
        self._samplers = {
            name: given.get(name) or RandomSampler(order, size, (0, 1), known) for name in metrics
        }

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of a block."""
        for name, sampler in self._samplers.items():
            sampler.next_block()
            sampler.add([is_right(score, name) for score in scores])

    def metrics(self) -> dict[str, Metric]:
        """Return each metric."""
        return {
            name: Metric(
                correct=round(sampler.sequence.seen),
                total=sampler.sequence.n,
                value=sampler.sequence.seen / sampler.sequence.n,
                interval=None,
                split_interval=interval_of(sampler.sequence),
            )
            for name, sampler in self._samplers.items()
        }


def is_right(score: ItemScore, metric: str) -> int:
    """Return 1 if the gold choice is picked under a metric, else 0."""
    return int(pick(score, metric) == score.item.gold)


def interval_of(found: ConfidenceSequence) -> Interval:
    """Return the interval of an accuracy, in fractions."""
    _, low, high = found.means
    return Interval(low=max(0.0, low), high=min(1.0, high), level=found.level)
