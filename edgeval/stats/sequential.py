"""Sequential evaluations: which items come next, and when what was asked is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgeval.records import Metric, Stopping
from edgeval.stats.metrics import metrics_of
from edgeval.tasks.item import ItemScore


class SequentialEvaluation(Protocol):
    """What is to be found out of one GGUF, and what its scores say so far.

    Attributes:
        limit: Most items to evaluate.
        is_whole: Whether all of them are, in one block.
    """

    limit: int
    is_whole: bool

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

    def stopping(self) -> Stopping | None:
        """Return when and why it stopped; None if it did not."""


class EveryItem:
    """The evaluation of all items that there are, in one block."""

    is_whole = True
    note = ""

    def __init__(
        self, order: Sequence[int], size: int, metrics: Sequence[str], *, is_random: bool = True
    ) -> None:
        """Begin with no item.

        Args:
            order: Indices of the items.
            size: Number of items in the split.
            metrics: The accuracies to tell.
            is_random: Whether they were drawn from it at random.
        """
        self.limit = len(order)
        self._order = order
        self._size = size
        self._metrics = metrics
        self._is_random = is_random
        self._scores: Sequence[ItemScore] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the block was evaluated."""
        return self._scores is not None

    def next_block(self) -> list[int]:
        """Return the indices of all items."""
        return list(self._order)

    def add(self, scores: Sequence[ItemScore]) -> None:
        """Take in the scores of all items."""
        self._scores = scores

    def metrics(self) -> dict[str, Metric]:
        """Return the accuracies of all items."""
        return metrics_of(self._scores or (), self._size, self._metrics, is_random=self._is_random)

    def stopping(self) -> None:
        """Return that it did not stop early."""
