"""Interval of a KL divergence over a whole split, from what a record holds."""

from __future__ import annotations

import math

from edgeval.records import Divergence
from edgeval.stats.intervals import LEVEL
from edgeval.stats.quantiles import student_t
from edgeval.stats.top_logprobs import N_DRAWN


def kl_interval(found: Divergence, population: int, n_compared: int = 1) -> tuple[float, float]:
    """Return the least and the greatest mean KL divergence a position, in nats, of a split.

    Each end is meant to be missed with 2.5 % over the number of types, so that the intervals of a
    ladder hold together (Bonferroni).

    Of items that were drawn at random the estimate and its standard error decide, which is
    clustered by item and has in it what the drawn tokens leave open. The divergences of items are
    skewed, so the ends are those of Student's t on other scales: of the logarithm below, of the
    reciprocal above (delta method: Cochran 1977, Sampling Techniques, section 6.3). Of all items
    only the drawn tokens leave anything open, and the lower bound is certain. Of other items
    nothing is known of the split.

    Args:
        found: The divergence over some items.
        population: Number of items in the split.
        n_compared: Number of types whose intervals hold together.

    Returns:
        The ends; infinity for the greatest where nothing limits it.
    """
    probability = 1 - (1 - LEVEL) / 2 / n_compared
    if found.n_items >= population:
        return _of_all(found, probability)
    value, error = found.best_nats, found.best_error_nats
    if found.drawn != "random" or error is None:
        return 0.0, math.inf
    low, high = _of_sample(value, student_t(probability, found.n_items - 1) * error)
    return low, math.inf if found.kl_full_nats is None else high


def _of_all(found: Divergence, probability: float) -> tuple[float, float]:
    estimate, upper = found.kl_full_nats, found.kl_upper_nats
    if estimate is None or upper is None:
        return found.kl_nats, math.inf
    freedom = found.n_items * (N_DRAWN - 1)
    wider = student_t(probability, freedom) / student_t((1 + LEVEL) / 2, freedom)
    half = wider * (upper - estimate)
    return max(found.kl_nats, estimate - half), estimate + half


def _of_sample(value: float, half: float) -> tuple[float, float]:
    if value <= 0:
        return 0.0, math.inf if half > 0 else 0.0
    share = half / value
    return value * math.exp(-share), value / (1 - share) if share < 1 else math.inf
