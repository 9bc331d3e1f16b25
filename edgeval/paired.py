"""What the counts of a paired comparison say: nothing but what a record holds is needed for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from edgeval.metrics import LEVEL, effective_size
from edgeval.records import Drift, Equivalence, Estimate, Interval, Stopping

MARGIN_POINTS = 1.0
"""Two accuracies this close are called equivalent."""


def adjusted(drifts: Sequence[Drift]) -> list[Drift]:
    """Return the comparisons of one ladder with p-values adjusted for their number."""
    given = [each.mcnemar_p for each in drifts]
    p_values = iter(holm([p for p in given if p is not None]))
    return [
        each if p is None else each.model_copy(update={"mcnemar_p_holm": next(p_values)})
        for each, p in zip(drifts, given, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that one false alarm among all is as rare as each says.

    The smallest of ``k`` is multiplied by ``k``, the next by ``k - 1``, and so on; none becomes
    smaller than one before it, or larger than 1 (Holm 1979, Scandinavian Journal of Statistics
    6:65).
    """
    found = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = largest
    return found


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value of McNemar's test: a fair coin over the flips.

    McNemar 1947, Psychometrika 12:153; with no flips it is 1.
    """
    total, term, at_most = gained + lost, 1, 1
    for heads in range(min(gained, lost)):
        term = term * (total - heads) // (heads + 1)
        at_most += term
    p: float = 2 * at_most / 2**total
    return min(1.0, p)


def equivalence(
    gained: int,
    lost: int,
    total: int,
    population: int | None = None,
    margin_points: float = MARGIN_POINTS,
) -> Equivalence:
    """Return what the interval of a paired difference says against a margin.

    Args:
        gained: Number of items that only the compared model has right.
        lost: Number of items that only the reference has right.
        total: Number of items both were scored on.
        population: Number of items in the split; None asks about new items.
        margin_points: Two accuracies this close are called equivalent.
    """
    interval = bonett_price(gained, lost, total, population)
    return what_it_says(interval, total, population, margin_points)


def stopped(
    found: Drift, stopping: Stopping, difference_points: float, interval: Interval, population: int
) -> Drift:
    """Return a comparison whose evaluation stopped early, with what is valid then.

    That is the split's difference with an interval that is valid at every look. McNemar's test and
    intervals for new items take the number of items as given, and items that were drawn for what
    they can tell agree less than others.

    Args:
        found: The comparison of the items that were evaluated.
        stopping: When and why it stopped.
        difference_points: The estimated difference on the split.
        interval: Its interval.
        population: Number of items in the split.
    """
    is_weighted = stopping.design == "weighted"
    split = what_it_says(interval, stopping.n_items, population, stopping.points)
    return found.model_copy(
        update={
            "stopping": stopping,
            "difference_points": difference_points,
            "new_items": None,
            "new_items_clustered": None,
            # What is needed is estimated for intervals of a fixed number of items.
            "split": split.model_copy(update={"items_needed": None}),
            "mcnemar_p": None,
            "mcnemar_p_holm": None,
            "pick_agreement": None if is_weighted else found.pick_agreement,
        }
    )


def difference_estimate(reference: float, difference_points: float, interval: Interval) -> Estimate:
    """Return a model's accuracy on the split.

    The reference's is known, so that only the difference is estimated, whose variance is that of
    the items on which they differ (difference estimator: Cochran 1977, Sampling Techniques, section
    7.2; Cassel, Särndal and Wretman 1976, Biometrika 63:615).

    Args:
        reference: The reference's accuracy on all of the split, in [0, 1].
        difference_points: The estimated difference on the split, in points.
        interval: Its interval, in points.
    """
    low, value, high = (
        min(1.0, max(0.0, reference + points / 100))
        for points in (interval.low, difference_points, interval.high)
    )
    return Estimate(value=value, interval=interval.model_copy(update={"low": low, "high": high}))


def what_it_says(
    interval: Interval, total: int, population: int | None, margin_points: float
) -> Equivalence:
    """Return what an interval of a difference says against a margin.

    Args:
        interval: The interval, in points.
        total: Number of items both were scored on.
        population: Number of items in the split; None for an interval that is of new items.
        margin_points: Two accuracies this close are called equivalent.
    """
    within = -margin_points <= interval.low and interval.high <= margin_points
    apart = interval.low > 0 or interval.high < 0
    is_decided = within or apart
    return Equivalence(
        population="new items" if population is None else "split",
        interval_points=interval,
        margin_points=margin_points,
        status="equivalent" if within else "drifted" if apart else "undecided",
        non_inferior=interval.low >= -margin_points,
        items_needed=None
        if is_decided
        else _items_needed(interval, total, population, margin_points),
    )


def bonett_price(
    gained: int, lost: int, total: int, population: int | None = None, level: float = LEVEL
) -> Interval:
    """Return the adjusted Wald interval of a paired difference of proportions, in points.

    Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37:479: one flip each
    way is added, so that the interval has a width when there are no flips. Its exact coverage at
    50, 200 and 1,000 items, with 0.5, 2 and 10 % of them flipped and 1:1, 3:1 or all one way, is
    95.1 % or more; it nears 100 % where fewer than five flips are expected, as any interval must
    that agrees with McNemar's exact test, which rejects nothing before the sixth. In between it
    dips, since counts come in steps: 93.3 % for 201 items of which 5 % flip one way.

    For a split the variance has the finite-population correction (Cochran 1977, Sampling
    Techniques, section 2.6), the centre is drawn towards zero by as much less, and each end is
    moved out by half an item of the split, whose flips are whole. Counts scaled to the effective
    size would cover less: 93.0 % at worst for 200 of 1,000 items, and 88.7 % for 900. This covers
    95.0 % or more for 50, 200, 500 and 900 of 1,000 and for 50, 200 and 1,000 of 10,042; the
    deepest dip found is 93.5 %, for 201 of 10,042 items of which 5 % flip one way.

    Args:
        gained: Number of items that only the compared model has right.
        lost: Number of items that only the reference has right.
        total: Number of items both were scored on.
        population: Number of items in the split, of which ``total`` were drawn; the interval is
            of the split's own difference, and zero wide if they are all. None: of new items.
        level: Two-sided confidence level.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    unseen = 1.0 if population is None else total / effective_size(total, population)
    up, down = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    half = 100 * z * math.sqrt(unseen * (up + down - (up - down) ** 2) / (total + 2))
    if population is not None and total < population:
        half += 50 / population
    centre = 100 * (gained - lost) / (total + 2 * unseen)
    return Interval(low=max(-100.0, centre - half), high=min(100.0, centre + half), level=level)


def _items_needed(
    interval: Interval, total: int, population: int | None, margin_points: float
) -> int:
    """Estimate how many more items decide at most, if the flips go on as they did.

    The interval's half-width shrinks at least with the square root of the number of items, until
    the interval either excludes zero or fits into the margin.
    """
    half_width = (interval.high - interval.low) / 2
    distance = abs(interval.high + interval.low) / 2
    growth = (half_width / max(distance, margin_points - distance)) ** 2
    if population is None:
        return max(1, math.ceil(total * (growth - 1)))
    size = growth * effective_size(total, population)
    return max(1, math.ceil(size * population / (population - 1 + size)) - total)
