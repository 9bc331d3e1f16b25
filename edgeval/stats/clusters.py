"""Items of one source: how much less they tell than as many of as many sources."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist

from edgeval.records import ClusteredInterval, Interval
from edgeval.stats.intervals import LEVEL
from edgeval.stats.quantiles import student_t


def clustered(values: Sequence[int], sources: Sequence[str]) -> ClusteredInterval | None:
    """Return how much wider an interval for new items is with the source as the unit.

    The variance of the mean is that of a ratio of two sums over clusters, of values and of items:
    Cochran 1977, Sampling Techniques, section 2.11; Liang and Zeger 1986, Biometrika 73:13, with
    the correction for the number of clusters. Its ratio to that of as many items by themselves is
    the design effect (Kish 1965, Survey Sampling, section 8.2).

    Args:
        values: What each item gained: -1, 0 or 1.
        sources: What each item is from, as ``Item.source``; an empty one is the item's own.

    Returns:
        An interval that ``by_source`` gives its ends; None where no two items have a source in
        common, all have one, or all values are the same.
    """
    units = [source or index for index, source in enumerate(sources)]
    n_items, n_clusters = len(units), len(set(units))
    if not 1 < n_clusters < n_items or len(set(values)) == 1:
        return None
    mean = sum(values) / n_items
    sums: dict[str | int, float] = defaultdict(float)
    for unit, value in zip(units, values, strict=True):
        sums[unit] += value - mean
    alone = math.fsum((value - mean) ** 2 for value in values)
    together = math.fsum(each**2 for each in sums.values())
    effect = together / alone * (n_clusters / (n_clusters - 1)) / (n_items / (n_items - 1))
    return ClusteredInterval(
        n_clusters=n_clusters,
        design_effect=effect,
        interval_points=Interval(low=-100.0, high=100.0, level=LEVEL),
    )


def by_source(
    found: ClusteredInterval | None, alone: Interval | None, error: float
) -> ClusteredInterval | None:
    """Return the interval for new items with a variance that is a design effect times as large.

    It has the centre of that of items by themselves. Its quantile is Student's, of one degree of
    freedom less than there are clusters, for the variance is one of them.

    Args:
        found: What ``clustered`` has found.
        alone: The interval for new items by themselves; without it there is none by source.
        error: With what probability each end may miss.
    """
    if found is None or alone is None:
        return None
    wider = student_t(1 - error, found.n_clusters - 1) / NormalDist().inv_cdf(1 - error)
    half = wider * math.sqrt(found.design_effect) * (alone.high - alone.low) / 2
    centre = (alone.high + alone.low) / 2
    ends = {"low": max(-100.0, centre - half), "high": min(100.0, centre + half)}
    return found.model_copy(update={"interval_points": alone.model_copy(update=ends)})
