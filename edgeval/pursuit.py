"""Evaluations that stop as soon as what was asked is decided, with intervals that allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from edgeval.metrics import METRICS, margin, picks
from edgeval.records import Interval, Metric, Stopping
from edgeval.sequences import ConfidenceSequence
from edgeval.setup import Setup
from edgeval.statements import Both, Known, Statement, Within
from edgeval.surveys import SimpleSurvey
from edgeval.tasks import ItemScore
from edgeval.weighted_survey import WeightedSurvey


class Pursuit(Protocol):
    """What is to be found out of one GGUF, and what its scores say so far.

    Attributes:
        limit: Most items to evaluate.
    """

    limit: int

    @property
    def is_over(self) -> bool:
        """Whether it is decided, or no item is left."""

    @property
    def note(self) -> str:
        """The estimate and its interval, in short."""

    def next_block(self) -> list[int]:
        """Return the places of the items to evaluate next."""

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of the last block, in its order; all at once."""

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies that its items can tell."""

    def stopping(self) -> Stopping:
        """Return when and why it stopped."""


class AccuracyPursuit:
    """Finds out an accuracy, from items in random order."""

    def __init__(
        self, order: Sequence[int], size: int, metric: str, statement: Statement, points: float
    ) -> None:
        """Begin with no item.

        Args:
            order: Places of the items that may be evaluated, in simple random order.
            size: Number of items in the split.
            metric: The metric of the statement.
            statement: What is to be decided of it, in fractions.
            points: What the user asked for.
        """
        self.limit = len(order)
        self._metric = metric
        self._points = points
        self._survey = SimpleSurvey(order, size, (0, 1), statement)
        self._accuracies = _Accuracies(order, size, points, {metric: self._survey})

    @property
    def is_over(self) -> bool:
        """Whether it is decided, or no item is left."""
        return self._survey.is_over

    @property
    def note(self) -> str:
        """The estimate and its interval, in short."""
        found = self._survey.sequence
        value, low, high = (100 * each / found.size for each in _ends(found))
        return f"{self._metric} {value:.1f} [{low:.1f}, {high:.1f}]"

    def next_block(self) -> list[int]:
        """Return the places of the items to evaluate next."""
        return self._survey.next_block()

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of the last block, in its order; all at once."""
        self._accuracies.add(scores)

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies of the items, with intervals that are valid at every look."""
        return self._accuracies.metrics()

    def stopping(self) -> Stopping:
        """Return when and why it stopped."""
        return Stopping(
            points=self._points,
            is_decided=self._survey.is_decided,
            design="random order",
            n_items=self._survey.sequence.n,
        )


class DriftPursuit:
    """Finds out how far an accuracy is from a reference's on the same items."""

    def __init__(
        self,
        reference: Mapping[int, ItemScore],
        size: int,
        metric: str,
        points: float,
        *,
        seed: int,
        first: Sequence[int],
        limit: int,
    ) -> None:
        """Begin with no item.

        If the reference has the whole split, the items that can tell are drawn first, after those
        that are evaluated in any case; otherwise they are taken in its order.

        Args:
            reference: Its scores by place, in simple random order.
            size: Number of items in the split.
            metric: The metric whose picks are compared.
            points: The margin in points.
            seed: Seed of the draws.
            first: Places of items that are evaluated in any case: a simple random sample.
            limit: Most items to evaluate.
        """
        self._reference = reference
        self._metric = metric
        self._points = points
        self._drawn: list[int] = []
        self._right: list[int] = []
        statement = Within(-points / 100, points / 100)
        order = list(reference)
        self._accuracies: _Accuracies | None = None
        self._survey: SimpleSurvey | WeightedSurvey
        if len(order) == size:
            by_place = [reference[place] for place in range(size)]
            self._survey = WeightedSurvey(
                [margin(score, metric) for score in by_place],
                [_is_right(score, metric) for score in by_place],
                statement,
                seed,
                first=first,
                limit=limit,
            )
        else:
            self._survey = SimpleSurvey(order[:limit], size, (-1, 0, 1), statement)
            self._accuracies = _Accuracies(order, size, points)
        self.limit = self._survey.limit

    @property
    def is_over(self) -> bool:
        """Whether it is decided, or no item is left."""
        return self._survey.is_over

    @property
    def difference(self) -> tuple[float, Interval]:
        """The accuracy minus the reference's on the split, in points, and its interval."""
        found = self._survey.sequence
        value, low, high = (100 * each / found.size for each in _ends(found))
        return value, Interval(low=low, high=high, level=found.level)

    @property
    def note(self) -> str:
        """The estimate and its interval, in short."""
        value, interval = self.difference
        return f"{value:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"

    def next_block(self) -> list[int]:
        """Return the places of the items to evaluate next."""
        self._drawn = self._survey.next_block()
        return self._drawn

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of the last block, in its order; all at once."""
        theirs = [self._reference[place] for place in self._drawn]
        was_right = [_is_right(score, self._metric) for score in theirs]
        right = [_is_right(score, self._metric) for score in scores]
        leads = [[margin(score, self._metric) for score in each] for each in (scores, theirs)]
        changes = np.subtract(leads[0], leads[1]).tolist()
        self._survey.add(np.subtract(right, was_right).tolist(), changes)
        self._right += right
        if self._accuracies is not None:
            self._accuracies.add(scores)

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies that its items can tell.

        Items that were drawn for what they can tell are no sample of the split: from them the
        accuracy is the reference's and the difference (the difference estimator: Cochran 1977,
        Sampling Techniques, section 7.2).
        """
        if self._accuracies is not None:
            return self._accuracies.metrics()
        size = len(self._reference)
        known = sum(_is_right(score, self._metric) for score in self._reference.values()) / size
        difference, interval = self.difference
        return {
            self._metric: Metric(
                correct=sum(self._right),
                total=len(self._right),
                value=known + difference / 100,
                interval=None,
                split_interval=Interval(
                    low=max(0.0, known + interval.low / 100),
                    high=min(1.0, known + interval.high / 100),
                    level=interval.level,
                ),
            )
        }

    def stopping(self) -> Stopping:
        """Return when and why it stopped."""
        survey = self._survey
        return Stopping(
            points=self._points,
            is_decided=survey.is_decided,
            design="random order" if isinstance(survey, SimpleSurvey) else "weighted",
            n_items=survey.sequence.n,
            effective_items=None if isinstance(survey, SimpleSurvey) else survey.effective_items,
        )


def accuracy_pursuit(setup: Setup, region: tuple[float, float] | None = None) -> Pursuit | None:
    """Return what a model's accuracy is evaluated for; None if all items are to be.

    Args:
        setup: What is evaluated and how.
        region: A range in fractions; whether the accuracy is in it is to be decided too.
    """
    points = setup.options.until
    if points is None:
        return None
    statement: Statement = Known(points / 100)
    if region is not None:
        statement = Both(statement, Within(*region))
    order = setup.places[: setup.limit]
    return AccuracyPursuit(order, setup.data.n_total, setup.protocol.metric, statement, points)


def drift_pursuit(
    setup: Setup, reference: Mapping[int, ItemScore], first: Sequence[int]
) -> DriftPursuit | None:
    """Return what a model's drift is evaluated for; None if all items are to be.

    Args:
        setup: What is evaluated and how.
        reference: Scores of the reference by place, in the order of the setup.
        first: Places of items that are evaluated in any case.
    """
    points = setup.options.until
    if points is None:
        return None
    return DriftPursuit(
        reference,
        setup.data.n_total,
        setup.protocol.metric,
        points,
        seed=setup.options.seed,
        first=first,
        limit=setup.limit,
    )


class _Accuracies:
    """All metrics of items in random order."""

    def __init__(
        self,
        order: Sequence[int],
        size: int,
        points: float,
        surveys: Mapping[str, SimpleSurvey] | None = None,
    ) -> None:
        """Begin with no item; of the metrics that no survey is given for, one is made."""
        known, given = Known(points / 100), surveys or {}
        self._surveys = {
            name: given.get(name) or SimpleSurvey(order, size, (0, 1), known) for name in METRICS
        }

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of a block."""
        for name, survey in self._surveys.items():
            survey.next_block()
            survey.add([_is_right(score, name) for score in scores])

    def metrics(self) -> dict[str, Metric]:
        """Return every metric."""
        return {
            name: Metric(
                correct=round(survey.sequence.seen),
                total=survey.sequence.n,
                value=survey.sequence.seen / survey.sequence.n,
                interval=None,
                split_interval=_interval(survey.sequence),
            )
            for name, survey in self._surveys.items()
        }


def _is_right(score: ItemScore, metric: str) -> int:
    return int(picks(score)[metric] == score.item.gold)


def _ends(found: ConfidenceSequence) -> tuple[float, float, float]:
    return found.estimate, found.low, found.high


def _interval(found: ConfidenceSequence) -> Interval:
    return Interval(
        low=max(0.0, found.low / found.size),
        high=min(1.0, found.high / found.size),
        level=found.level,
    )
