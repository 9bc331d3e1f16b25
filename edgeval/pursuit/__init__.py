"""Evaluations that stop as soon as what was asked is decided, with intervals that allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from edgeval.pursuit.accuracy import AccuracyPursuit
from edgeval.pursuit.drift import DriftPursuit
from edgeval.records import Metric, Stopping
from edgeval.setup import Setup
from edgeval.tasks import ItemScore

__all__ = ["AccuracyPursuit", "DriftPursuit", "Pursuit", "accuracy_pursuit", "drift_pursuit"]


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


def accuracy_pursuit(setup: Setup) -> Pursuit | None:
    """Return what a model's accuracy is evaluated for; None if all items are to be.

    Args:
        setup: What is evaluated and how.
    """
    points = setup.options.until
    if points is None:
        return None
    order = setup.places[: setup.limit]
    return AccuracyPursuit(order, setup.data.n_total, setup.protocol.metric, points)


def drift_pursuit(
    setup: Setup, reference: Mapping[int, ItemScore], n_compared: int
) -> DriftPursuit | None:
    """Return what a model's drift is evaluated for; None if all items are to be.

    Args:
        setup: What is evaluated and how.
        reference: Scores of the reference by place, in the order of the setup.
        n_compared: Number of types that are compared with it.
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
        # Before any flip was seen: the beginning of the simple order, whatever is known of it.
        first=setup.places[: setup.options.kl_items],
        limit=setup.limit,
        n_compared=n_compared,
    )
