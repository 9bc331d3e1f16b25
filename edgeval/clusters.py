"""Items of one source: how much less they tell than as many of as many sources."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist

from edgeval.metrics import LEVEL
from edgeval.paired import bonett_price
from edgeval.quantiles import student_t
from edgeval.records import ClusteredInterval, Interval


def clustered(values: Sequence[int], sources: Sequence[str]) -> ClusteredInterval | None:
    """Return the interval of a paired difference for new items, with the source as the unit.

    The variance of the mean is that of a ratio of two sums over clusters, of values and of items:
    Cochran 1977, Sampling Techniques, section 2.11; Liang and Zeger 1986, Biometrika 73:13, with
    the correction for the number of clusters. Its ratio to that of as many items by themselves is
    the design effect (Kish 1965, Survey Sampling, section 8.2).

    Args:
        values: What each item gained: -1, 0 or 1.
        sources: What each item is from, as ``Item.source``; an empty one is the item's own.

    Returns:
        None where no two items have a source in common, all have, or all values are the same.
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
    gained, lost = (sum(value == sign for value in values) for sign in (1, -1))
    return ClusteredInterval(
        n_clusters=n_clusters,
        design_effect=effect,
        interval_points=clustered_interval(gained, lost, n_items, n_clusters, effect),
    )


def clustered_interval(
    gained: int, lost: int, total: int, n_clusters: int, design_effect: float
) -> Interval:
    """Return the interval for new items with a variance that is a design effect times as large.

    It is that of items by themselves, Bonett-Price's, about the same centre. Its quantile is
    Student's, of one degree of freedom less than there are clusters, for the variance is one of
    them.

    Args:
        gained: Number of items that only the compared model has right.
        lost: Number of items that only the reference has right.
        total: Number of items both were scored on.
        n_clusters: Number of sources.
        design_effect: Variance of the difference by sources, over that by items.
    """
    alone = bonett_price(gained, lost, total)
    tail = (1 + LEVEL) / 2
    wider = student_t(tail, n_clusters - 1) / NormalDist().inv_cdf(tail)
    half = wider * math.sqrt(design_effect) * (alone.high - alone.low) / 2
    centre = (alone.high + alone.low) / 2
    return Interval(low=max(-100.0, centre - half), high=min(100.0, centre + half), level=LEVEL)
