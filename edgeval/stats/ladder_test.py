"""Ladder test: what the samples of a whole ladder show, all of it together with 95 %.

Where a model is evaluated on several tasks, each task's ladder has an equal share of the 5 %, and
so have the two differences over all tasks, by items and by tasks (Bonferroni).

Of a ladder's share one half is for what is said to be *no worse*, the other for what is said to be
*worse*, or below. Each half holds by itself for any dependence between the types, and so do both
together.

**No worse than the margin.** The types are tested from the largest file down. The largest begins
with half of this half; each that is shown hands all that it had to the next smaller one, which has
a share of its own too: a fixed sequence, in which one unlucky type does not silence the rest (the
fallback procedure: Wiens 2003, Pharmaceutical Statistics 2:211; Wiens and Dmitrienko 2005, Journal
of Biopharmaceutical Statistics 15:929).

**Worse.** Each of ``k`` types is tested with a ``k``-th; those that are shown to be worse are set
aside, and the others are tested again with a share for as many as are left (Holm 1979, Scandinavian
Journal of Statistics 6:65). What else is said to be below something, below zero or the upper end of
the margin, is said with the last of these shares: by the closure of Holm's procedure, in which a
type is never more surely below a greater difference than below a smaller one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from edgeval.records import Outcome
from edgeval.stats.intervals import LEVEL

Items = tuple[int, int]
"""The least and the greatest difference that is possible, in items of the split."""

_HALF = (1 - LEVEL) / 2
_OF_LARGEST = 0.5
"""Share of the error that the largest file begins with."""


def error_of(n_compared: int) -> float:
    """Return with what probability each end of an interval may miss, if so many hold together.

    Args:
        n_compared: Number of types, times the number of ladders that are judged together.
    """
    return _HALF / n_compared


class LadderTest:
    """Samples of the types of a ladder, and what they show together."""

    def __init__(
        self,
        counts: Sequence[tuple[int, int, int]],
        population: int,
        limit: int,
        n_together: int = 1,
    ) -> None:
        """Take the samples; they are tested when they are asked for.

        Args:
            counts: Gained, lost and all items of each type's sample, the largest file first.
            population: Number of items in the split.
            limit: The greatest difference that is within the margin, in items of the split.
            n_together: Number of ladders, of several tasks, that are judged together: each has an
                equal share of the error.
        """
        self._counts = counts
        self._population = population
        self._limit = limit
        self._n_together = n_together

    def interval(self, at: int) -> Items:
        """Return the interval of a type, within what is shown of it.

        Before that it has an equal share of the error, so that the intervals of all types hold
        together, and that of any of them, whichever is named.
        """
        low, high = self._of_equal_share(at)
        limit, shown = self._limit, self.outcome(at)
        most = {"equivalent": limit, "worse": -limit - 1, "different": high if low > 0 else -1}
        return (
            max(low, -limit) if at in self._no_worse else low,
            min(high, most.get(shown, high)),
        )

    def is_no_worse(self, at: int) -> bool:
        """Return whether a type is shown to be at most the margin worse."""
        return at in self._no_worse

    def outcome(self, at: int) -> Outcome:
        """Return what is shown of a type."""
        _, high = self._bounds(at, self._error_of(max(1, len(self._counts) - len(self._worse))))
        if at in self._worse:
            return "worse"
        if at in self._no_worse and high <= self._limit:
            return "equivalent"
        # Above zero comes after all that is tested from above, and only if all of that was shown.
        is_above = len(self._no_worse) == len(self._counts) and self._of_equal_share(at)[0] > 0
        return "different" if high < 0 or is_above else "open"

    @functools.cached_property
    def _no_worse(self) -> set[int]:
        """The types that are shown to be at most the margin worse."""
        others = len(self._counts) - 1
        first = _OF_LARGEST if others else 1.0
        half = self._error_of(1)
        own = [half * first, *[half * (1 - first) / others for _ in range(others)]]
        found, handed = set(), 0.0
        for at, share in enumerate(own):
            handed += share
            if self._bounds(at, handed)[0] >= -self._limit:
                found.add(at)
            else:
                handed = 0.0
        return found

    @functools.cached_property
    def _worse(self) -> set[int]:
        """The types that are shown to be worse than the margin."""
        left = set(range(len(self._counts)))
        while left:
            error = self._error_of(len(left))
            shown = {at for at in left if self._bounds(at, error)[1] < -self._limit}
            if not shown:
                break
            left -= shown
        return set(range(len(self._counts))) - left

    def _of_equal_share(self, at: int) -> Items:
        return self._bounds(at, self._error_of(len(self._counts)))

    def _error_of(self, n_compared: int) -> float:
        return error_of(n_compared * self._n_together)

    def _bounds(self, at: int, error: float) -> Items:
        # NumPy is loaded for slices alone: most views need none.
        from edgeval.stats.split_difference import bounds

        return bounds(*self._counts[at], self._population, error)
