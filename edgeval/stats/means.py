"""Means and ratios of items with Student's t, of one task or several: paired differences too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.records import Interval
from edgeval.stats.intervals import LEVEL
from edgeval.stats.quantiles import student_t, student_t_p

Strata = Sequence[Sequence[float]]
"""Values, a list a task."""


@dataclass(frozen=True)
class Estimate:
    """A mean, or a ratio of two sums, and how far it may be from that of new items.

    Attributes:
        value: The estimate.
        error: Its standard error; None of a single item.
        freedom: Degrees of freedom of the error.
    """

    value: float
    error: float | None
    freedom: int

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Return the interval for new items of the same kind; None of a single item."""
        if self.error is None:
            return None
        half = student_t((1 + level) / 2, self.freedom) * self.error
        return Interval(low=self.value - half, high=self.value + half, level=level)

    @property
    def p_value(self) -> float | None:
        """The two-sided p-value of a value of zero; None of a single item."""
        if self.error is None:
            return None
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return student_t_p(self.value / self.error, self.freedom)


def mean(strata: Strata) -> Estimate:
    """Return the mean over all items, of one task or of several.

    Of differences of two models on the same items this is the paired t-test (Student 1908,
    Biometrika 6:1). Several tasks are strata in proportion, whose variance is that within them
    (Cochran 1977, Sampling Techniques, section 5.6); a degree of freedom goes with each.

    Args:
        strata: One list or more, each with one value or more.
    """
    total, n_items = math.fsum(map(math.fsum, strata)), sum(map(len, strata))
    return Estimate(total / n_items, *_error(strata))


def ratio(strata: Strata, weights: Strata) -> Estimate:
    """Return the sum of all values over that of their weights: nats over words or bytes.

    Its variance is that of the values' distances from what their weights let expect (Cochran 1977,
    sections 2.11 and 6.11, the combined estimate).

    Args:
        strata: Values, as in ``mean``.
        weights: What each is the sum of so many of, above 0.
    """
    weight = math.fsum(map(math.fsum, weights))
    found = math.fsum(map(math.fsum, strata)) / weight
    apart = [
        [value - found * each for value, each in zip(values, many, strict=True)]
        for values, many in zip(strata, weights, strict=True)
    ]
    error, freedom = _error(apart)
    n_items = sum(map(len, strata))
    return Estimate(found, None if error is None else error * n_items / weight, freedom)


def _error(strata: Strata) -> tuple[float | None, int]:
    """Return the standard error of a mean over all items, and its degrees of freedom.

    Where a task has a single item, nothing is known within it: all are taken for one.
    """
    if any(len(values) == 1 for values in strata):
        strata = [[value for values in strata for value in values]]
    n_items = sum(map(len, strata))
    if n_items == 1:
        return None, 0
    variance = math.fsum(_sum_of_variances(values) for values in strata)
    return math.sqrt(variance) / n_items, n_items - len(strata)


def _sum_of_variances(values: Sequence[float]) -> float:
    """Return the variance of a sum of so many values as these."""
    n_items = len(values)
    if min(values) == max(values):
        return 0.0  # Their mean may be rounded.
    centre = math.fsum(values) / n_items
    return n_items / (n_items - 1) * math.fsum((value - centre) ** 2 for value in values)
