"""Evaluations that stop as soon as what was asked is decided, with intervals that allow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgeval.records import Metric, Stopping
from edgeval.tasks.item import ItemScore


class SequentialEvaluation(Protocol):
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
        """Return the indices of the items to evaluate next."""

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of the last block, in its order; all at once."""

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies that its items can tell."""

    def stopping(self) -> Stopping:
        """Return when and why it stopped."""
