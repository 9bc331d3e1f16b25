"""State of a part: how many of its items are scored, how many are right, and which flipped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from edgeval.records import Drift, ModelRun
from edgeval.report import formatting as fmt
from edgeval.scoring.observer import Part
from edgeval.stats.metrics import metric, pick
from edgeval.system.escapes import cut, visible
from edgeval.tasks.item import ItemScore

_MOST_CHARS: Final = 300

Row = dict[str, str | int]
"""A row of the page's table: texts, and numbers for its bar."""


class PartState:
    """Counts what lands of one file and task; told by the run, and asked by the page."""

    def __init__(self, part: Part, lock: threading.Lock, changed: Callable[[], None]) -> None:
        """Begin with no item.

        Args:
            part: What it is of.
            lock: Held while it changes, and while it is asked.
            changed: Is called after each change.
        """
        self._part, self._lock, self._changed = part, lock, changed
        self._reference: Mapping[int, ItemScore] | None = None
        self._is_drawn, self._state = False, "waiting"
        self._total, self._done, self._right = part.n_items, 0, 0
        self._gained, self._lost = 0, 0
        self._accuracy = self._range = self._difference = ""

    def begin(self, reference: Mapping[int, ItemScore] | None, *, is_drawn: bool) -> None:
        """Begin to be scored.

        Args:
            reference: The scores that it will be compared with; None for nothing.
            is_drawn: Whether shares of its items say nothing of the rest.
        """
        with self._lock:
            self._reference, self._is_drawn, self._state = reference, is_drawn, "scoring"
            if reference is not None:
                self._total = min(self._total, len(reference))
        self._changed()

    def add(self, scores: Mapping[int, ItemScore]) -> None:
        """Count scores that are new."""
        if not scores:
            return
        reference, name = self._reference or {}, self._part.metric
        pairs = [
            (_is_right(score, name), _is_right(reference[index], name))
            if index in reference
            else (_is_right(score, name), None)
            for index, score in scores.items()
        ]
        with self._lock:
            self._done += len(pairs)
            self._right += sum(right for right, _ in pairs)
            self._gained += sum(right and was is False for right, was in pairs)
            self._lost += sum(was is True and not right for right, was in pairs)
        self._changed()

    def end(self, run: ModelRun | None, drift: Drift | None) -> None:
        """Take what came of it; nothing if it failed."""
        with self._lock:
            self._state = "failed" if run is None else "done"
            if run is not None:
                found = run.metrics[self._part.metric]
                self._done = found.total
                self._accuracy = f"{fmt.accuracy(found.value)}%"
                interval = found.interval or found.split_interval
                self._range = f"{fmt.accuracy_interval(interval)}, {fmt.level(interval)}"
            if drift is not None:
                self._difference = fmt.signed(drift.difference_points, 2)
        self._changed()

    def row(self) -> Row:
        """Return what the page shows; the lock is held by who asks."""
        accuracy, interval, difference = self._accuracy, self._range, self._difference
        if self._state == "scoring" and self._done and not self._is_drawn:
            found = metric(self._right, self._done, self._total, is_random=False)
            accuracy = f"{fmt.accuracy(found.value)}%"
            # Items come in the order of their texts, so only what is certain is known of the rest.
            interval = f"will end in {fmt.accuracy_interval(found.split_interval)}"
            if self._reference is not None:
                points = 100 * (self._gained - self._lost) / self._done
                difference = (
                    f"{fmt.signed(points, 2)} ({self._gained:,} gained, {self._lost:,} lost)"
                )
        return {
            "label": visible(cut(self._part.label, _MOST_CHARS)),
            "task": visible(cut(self._part.task, _MOST_CHARS)),
            "state": self._state,
            "done": self._done,
            "total": self._total,
            "accuracy": accuracy,
            "range": interval,
            "difference": difference,
        }


def _is_right(score: ItemScore, name: str) -> bool:
    return pick(score, name) == score.item.gold
