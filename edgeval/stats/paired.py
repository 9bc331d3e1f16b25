"""Paired comparison: what its counts say, from nothing but what a record holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from edgeval.errors import EdgevalError
from edgeval.records import Drift, Estimate, Interval, Outcome, SplitDifference, Stopping
from edgeval.stats.clusters import by_source
from edgeval.stats.intervals import LEVEL, bonett_price
from edgeval.stats.ladder_test import Items, LadderTest, error_of
from edgeval.stats.mcnemar import holm

MARGIN_POINTS = 1.0
"""Two accuracies this close are called equivalent."""

POWER = 0.9
"""With this probability the items that are said to be enough are."""

_ROUNDING = 1e-6
"""Items by which a whole number may be missed in floating point."""


def require_margin(points: float, option: str = "--margin") -> None:
    """Refuse a margin that no two accuracies can be held to.

    Args:
        points: The margin.
        option: The option that names it.

    Raises:
        EdgevalError: If it is not above 0, or above 100.
    """
    if not 0 < points <= 100:
        raise EdgevalError(f"{option} {points:g} is no margin; use points above 0 and to 100")


def judged(
    drifts: Sequence[Drift],
    population: int,
    margin_points: float,
    *,
    file_bytes: Sequence[int] = (),
    is_random: bool = True,
    n_together: int = 1,
) -> list[Drift]:
    """Return the comparisons of one ladder with what holds of all of them together.

    Args:
        drifts: The comparisons, as ``drift.drift`` or ``stopped`` made them.
        population: Number of items in the split.
        margin_points: Two accuracies this close are called equivalent.
        file_bytes: Sizes of the types' files; by default each is smaller than the one before.
        is_random: Whether the items were drawn at random; of others only what is certain is known.
        n_together: Number of ladders, of several tasks, whose intervals hold together.
    """
    sizes = file_bytes or range(len(drifts), 0, -1)
    sampled = [at for at, each in enumerate(drifts) if is_random and _is_sampled(each, population)]
    order = sorted(sampled, key=lambda at: -sizes[at])
    of_samples = _of_samples([drifts[at] for at in order], population, margin_points, n_together)
    split = [_split(_items(each, population), population, margin_points, each) for each in drifts]
    for at, found in zip(order, of_samples, strict=True):
        split[at] = found
    p_values = [
        each.mcnemar_p if is_random or each.n_items == population else None for each in drifts
    ]
    new_items = [
        None if p is None else _new_items(each, len(drifts) * n_together)
        for each, p in zip(drifts, p_values, strict=True)
    ]
    return [
        each.model_copy(
            update={
                "split": found,
                "new_items": new,
                "new_items_clustered": by_source(
                    each.new_items_clustered, new, error_of(len(drifts) * n_together)
                ),
                "mcnemar_p": p,
                "mcnemar_p_holm": adjusted,
            }
        )
        for each, found, new, p, adjusted in zip(
            drifts, split, new_items, p_values, _adjusted(p_values), strict=True
        )
    ]


def unknown(margin_points: float) -> SplitDifference:
    """Return what is known of a difference before anything is: see ``judged``."""
    return SplitDifference(
        interval_points=Interval(low=-100.0, high=100.0, level=LEVEL),
        margin_points=margin_points,
        outcome="open",
        non_inferior=False,
    )


def limit_items(margin_points: float, population: int) -> int:
    """Return the greatest difference, in items of the split, that is within a margin."""
    return math.floor(margin_points * population / 100 + _ROUNDING)


def outcome(items: Items, limit: int) -> Outcome:
    """Return what an interval of the split's difference shows.

    Args:
        items: The least and the greatest difference that it holds.
        limit: The greatest difference that is within the margin.
    """
    low, high = items
    if -limit <= low and high <= limit:
        return "equivalent"
    if high < -limit:
        return "worse"
    return "different" if low > 0 or high < 0 else "open"


def shows(found: SplitDifference, population: int, limit: int) -> bool:
    """Return whether what is known of a difference lies within a margin, or beyond it."""
    interval = found.interval_points
    return is_decided(
        whole(*(population * end / 100 for end in (interval.low, interval.high))), limit
    )


def is_decided(items: Items, limit: int) -> bool:
    """Return whether an interval lies within the margin, or beyond it on either side."""
    return outcome(items, limit) in ("equivalent", "worse") or items[0] > limit


def _of_samples(
    drifts: Sequence[Drift], population: int, margin_points: float, n_together: int
) -> list[SplitDifference]:
    """Return what samples of a fixed number of items show, the largest file first."""
    limit, k = limit_items(margin_points, population), len(drifts) * n_together
    counts = [(each.wrong_to_right, each.right_to_wrong, each.n_items) for each in drifts]
    ladder = LadderTest(counts, population, limit, n_together)
    found = []
    for at, each in enumerate(drifts):
        split = _split(ladder.interval(at), population, margin_points, each)
        low, _ = ladder.interval(at)
        is_open = ladder.outcome(at) in ("different", "open") and low <= limit
        needed = _items_for_power(each, population, limit, k) if is_open else None
        said = {"outcome": ladder.outcome(at), "non_inferior": ladder.is_no_worse(at)}
        found.append(split.model_copy(update={**said, "n_compared": k, "items_for_power": needed}))
    return found


def _is_sampled(found: Drift, population: int) -> bool:
    """Return whether a number of items was fixed that is less than all."""
    return found.stopping is None and found.n_items < population


def _items(found: Drift, population: int) -> Items:
    """Return what is known of a type without a test: what is certain, or stopping early showed."""
    if found.stopping is None:
        difference, unseen = found.wrong_to_right - found.right_to_wrong, population - found.n_items
        return difference - unseen, difference + unseen
    interval = found.split.interval_points
    return whole(interval.low * population / 100, interval.high * population / 100)


def whole(low: float, high: float) -> Items:
    """Return the least and the greatest whole number in an interval."""
    return math.ceil(low - _ROUNDING), math.floor(high + _ROUNDING)


def _split(items: Items, population: int, margin_points: float, drift: Drift) -> SplitDifference:
    """Return what is known of a difference by an interval that holds together with the others."""
    limit = limit_items(margin_points, population)
    low, high = (100 * each / population for each in items)
    return SplitDifference(
        interval_points=Interval(low=low, high=high, level=LEVEL),
        margin_points=margin_points,
        n_compared=drift.stopping.n_compared if drift.stopping else 1,
        outcome=outcome(items, limit),
        non_inferior=items[0] >= -limit,
    )


def fewest_items(population: int, margin_points: float, n_compared: int) -> int:
    """Return how many items can show that a type is equivalent, at the least: if none flips.

    Args:
        population: Number of items in the split.
        margin_points: The margin.
        n_compared: Number of types of the ladder.
    """
    return _fewest(population, limit_items(margin_points, population), n_compared)


def _fewest(population: int, limit: int, n_compared: int) -> int:
    from edgeval.stats import split_difference

    return split_difference.fewest_items(population, limit, error_of(n_compared))


def _items_for_power(found: Drift, population: int, limit: int, n_compared: int) -> int:
    """Return about how many items show that a type is equivalent, if it is no worse.

    With the share of flips that was seen, and a true difference of zero, a normal distribution has
    the estimate so close to zero that both ends of the interval are within the margin.
    """
    if limit == 0:
        return population
    share = (found.right_to_wrong + found.wrong_to_right + 1) / (found.n_items + 2)
    quantile = NormalDist().inv_cdf
    deviations = quantile(1 - error_of(n_compared)) + quantile((1 + POWER) / 2)
    needed = share * (deviations * population / limit) ** 2
    items = math.ceil(needed / (1 + (needed - 1) / population))
    return min(population, max(items, _fewest(population, limit, n_compared)))


def _new_items(found: Drift, n_compared: int) -> Interval:
    """Return a type's interval for new items, which holds together with those of the others."""
    level = 1 - (1 - LEVEL) / n_compared
    interval = bonett_price(found.wrong_to_right, found.right_to_wrong, found.n_items, level)
    return interval.model_copy(update={"level": LEVEL})


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for their number; None stays None."""
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def stopped(
    found: Drift, stopping: Stopping, difference_points: float, interval: Interval
) -> Drift:
    """Return a comparison whose evaluation stopped early, with what is valid then.

    That is the split's difference with an interval that is valid at every look; ``judged`` says
    what it shows. McNemar's test and intervals for new items take the number of items as given, and
    items that were drawn for what they can tell agree less than others.

    Args:
        found: The comparison of the items that were evaluated.
        stopping: When and why it stopped.
        difference_points: The estimated difference on the split.
        interval: Its interval.
    """
    is_weighted = stopping.design == "weighted"
    return found.model_copy(
        update={
            "stopping": stopping,
            "difference_points": difference_points,
            "split": found.split.model_copy(update={"interval_points": interval}),
            "new_items": None,
            "new_items_clustered": None,
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
