"""Observer: who is told of scores while a run goes on, as its batches land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgeval.records import Drift, ModelRun
from edgeval.tasks.item import ItemScore


@dataclass(frozen=True)
class Part:
    """One file's items of one task.

    Attributes:
        label: What reports call the file.
        task: Name of the task.
        metric: How a choice is picked.
        n_items: Most items that are scored.
    """

    label: str
    task: str
    metric: str
    n_items: int


class PartObserver(Protocol):
    """Who is told of one part. What is told comes from the thread that computes, which waits."""

    def add(self, scores: Mapping[int, ItemScore]) -> None:
        """Take scores that are new, by the items' places in the data set."""

    def end(self, run: ModelRun | None, drift: Drift | None) -> None:
        """Take what came of it: nothing if it failed, no drift of what is compared with nothing."""


class Observer(Protocol):
    """Who is told of a run."""

    def expect(self, parts: Sequence[Part]) -> None:
        """Take the parts of the run, in the order of their files."""

    def begin(
        self, part: Part, reference: Mapping[int, ItemScore] | None, *, is_drawn: bool
    ) -> PartObserver:
        """Return who is told of a part.

        Args:
            part: The part that begins.
            reference: The scores that it will be compared with; None for nothing.
            is_drawn: Whether items are drawn until enough is known, some more likely than others,
                so that shares of them say nothing of the rest.
        """


class NoObserver:
    """Is told everything, and forgets it."""

    def expect(self, parts: Sequence[Part]) -> None:
        """Forget the parts."""

    def begin(
        self, part: Part, reference: Mapping[int, ItemScore] | None, *, is_drawn: bool
    ) -> NoObserver:
        """Return this one."""
        return self

    def add(self, scores: Mapping[int, ItemScore]) -> None:
        """Forget the scores."""

    def end(self, run: ModelRun | None, drift: Drift | None) -> None:
        """Forget what came of it."""
