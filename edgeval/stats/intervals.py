"""Intervals of a proportion: for new items, and for a whole split."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

from edgeval.records import Interval
from edgeval.stats.hypergeometric import at_least

LEVEL = 0.95


_ROUNDING = 1e-9
"""Keeps what is exactly as rare as is allowed inside an interval, whatever machine computes it."""


def wilson(proportion: float, size: float, level: float = LEVEL) -> Interval:
    """Return the Wilson score interval of a proportion (Wilson 1927, JASA 22:209).

    Counts come in steps, so the coverage of a 95 % interval is not 95 % everywhere. Enumerated
    exactly for proportions of 0.25, 0.59 and 0.73: with 50, 200 and 1,000 items it is between
    94.5 % and 96.0 %.

    Args:
        proportion: The observed proportion.
        size: Sample size.
        level: Two-sided confidence level.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    shrink = z * z / size
    centre = (proportion + shrink / 2) / (1 + shrink)
    half = z * math.sqrt(proportion * (1 - proportion) / size + shrink / (4 * size)) / (1 + shrink)
    return Interval(low=max(0.0, centre - half), high=min(1.0, centre + half), level=level)


@functools.lru_cache(maxsize=65_536)
def split_interval(correct: int, total: int, population: int, level: float = LEVEL) -> Interval:
    """Return the exact interval of a split's accuracy, from a simple random sample of its items.

    It holds each number of right items in the split under which as few right items as were found,
    and as many, are no rarer than half of what the level leaves: the interval of Clopper and
    Pearson (1934, Biometrika 26:404) for a finite population (Buonaccorsi 1987, The American
    Statistician 41:215). So each end is beyond the truth in at most 2.5 % of all samples, whatever
    the truth is; often in fewer, since counts come in steps. Of a whole split it has no width. A
    sample that takes each group of items in proportion varies less, which is on the safe side.

    Args:
        correct: Number of right items in the sample.
        total: Number of items in the sample.
        population: Number of items in the split.
        level: Two-sided confidence level.
    """
    missed = (1 - level) / 2 * (1 - _ROUNDING)
    low = _least_right(correct, total, population, missed)
    # As many items are wrong at most as are left of the population by those that are right.
    high = population - _least_right(total - correct, total, population, missed)
    return Interval(low=low / population, high=high / population, level=level)


def _least_right(count: int, drawn: int, population: int, missed: float) -> int:
    """Return the least number of marked items of which ``count`` or more are drawn that often."""
    excluded, held = count - 1, population - drawn + count
    while held - excluded > 1:
        middle = (excluded + held) // 2
        if at_least(count, middle, drawn, population) > missed:
            held = middle
        else:
            excluded = middle
    return held


def bonett_price(gained: int, lost: int, total: int, level: float = LEVEL) -> Interval:
    """Return the adjusted Wald interval of a paired difference of proportions, in points.

    Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37:479: one flip each
    way is added, so that the interval has a width when there are no flips. It speaks about new
    items of the same kind. How often it holds their difference is enumerated in
    ``tests/stats/test_coverage.py`` and told in BENCHMARKS.md.

    Args:
        gained: Number of items that only the compared model has right.
        lost: Number of items that only the reference has right.
        total: Number of items both were scored on.
        level: Two-sided confidence level.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    up, down = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    half = 100 * z * math.sqrt((up + down - (up - down) ** 2) / (total + 2))
    centre = 100 * (up - down)
    return Interval(low=max(-100.0, centre - half), high=min(100.0, centre + half), level=level)
