"""How often the intervals hold the truth, enumerated exactly.

A 95 % interval of counts cannot hold it in exactly 95 % of all samples, because counts come in
steps: 94.5 % is asked for. Where fewer than five flips are expected there is no upper limit: the
exact McNemar test cannot reject before the sixth flip one way, so an interval that agrees with it
holds zero in every such sample, and nearly always holds the truth.

Those of the split's difference are in ``test_split_difference.py``.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom

from edgeval.stats.intervals import bonett_price, split_interval, wilson

SIZES = (50, 200, 1000)
DISCORDANCES = (0.005, 0.02, 0.1)
GAINED_SHARES = (0.5, 0.25, 0.0)
PROPORTIONS = (0.25, 0.59, 0.73)
FEWEST_FLIPS = 5
NEGLIGIBLE = 1e-14

FLIPS = list(itertools.product(SIZES, DISCORDANCES, GAINED_SHARES))
"""Sizes of a sample, with the share of flips, and the share of those that are gained."""


def holds(low: float, high: float, truth: float) -> bool:
    return low - 1e-9 <= truth <= high + 1e-9


def paired_coverage(
    gained: NDArray[np.int64],
    lost: NDArray[np.int64],
    weights: NDArray[np.float64],
    difference: float,
    n: int,
) -> float:
    """Return how much of the weight is on samples whose interval holds the difference."""
    found = 0.0
    for g, b, weight in zip(gained, lost, weights, strict=True):
        if weight > NEGLIGIBLE:
            interval = bonett_price(int(g), int(b), n)
            found += weight * holds(interval.low, interval.high, 100 * difference)
    return found


@pytest.mark.parametrize(("n", "discordance", "share"), FLIPS)
def test_new_items_are_covered(n: int, discordance: float, share: float) -> None:
    most = int(binom.isf(NEGLIGIBLE, n, discordance)) + 1
    gained, lost = (each.ravel() for each in np.indices((most + 1, most + 1)))
    flips = gained + lost
    weights = binom.pmf(flips, n, discordance) * binom.pmf(gained, flips, share)
    assert weights.sum() == pytest.approx(1)
    found = paired_coverage(gained, lost, weights, discordance * (2 * share - 1), n)
    # Above the 94.5 % that is asked for: no cell is below 95.1 %.
    assert found >= 0.951
    if n * discordance >= FEWEST_FLIPS:
        assert found <= 0.995


# One accuracy


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("proportion", PROPORTIONS)
def test_the_accuracy_on_new_items_is_covered(n: int, proportion: float) -> None:
    correct = np.arange(n + 1)
    ends = [wilson(int(count) / n, n) for count in correct]
    hit = [holds(each.low, each.high, proportion) for each in ends]
    assert 0.945 <= float(binom.pmf(correct, n, proportion) @ hit) <= 0.960


DRAWN = [(n, 276) for n in (*range(20, 276, 15), 274, 275)]
DRAWN += [(n, 1000) for n in (20, 50, 200, 500, 900, 999)]
DRAWN += [(n, 10042) for n in (20, 100, 400, 1000, 10041)]


def missed(n: int, total: int) -> tuple[float, float]:
    """Return the most that either end of the split's interval lies beyond the truth, over all.

    That is over each number of right items in the split; of 10,042, over every eighth.
    """
    ends = [split_interval(correct, n, total) for correct in range(n + 1)]
    low = np.array([round(each.low * total) for each in ends])
    high = np.array([round(each.high * total) for each in ends])
    right = np.arange(0, total + 1, 1 if total < 10_000 else 8)
    # The ends grow with the count: those above the truth are of the counts from one on.
    above = np.searchsorted(low, right, side="right")
    below = np.searchsorted(high, right, side="left")
    too_high = hypergeom.sf(above - 1, total, right, n)
    too_low = hypergeom.cdf(below - 1, total, right, n)
    return float(too_high.max()), float(too_low.max())


@pytest.mark.parametrize(("n", "total"), DRAWN)
def test_the_accuracy_on_a_split_is_covered(n: int, total: int) -> None:
    # Whatever the truth is: at most 2.5 % at either end, so at least 95 % in all.
    assert all(each <= 0.025 + 1e-9 for each in missed(n, total))


@pytest.mark.slow
@pytest.mark.parametrize("total", [276, 10042])
def test_the_accuracy_on_a_split_is_covered_by_every_size_of_slice(total: int) -> None:
    sizes = range(20, total) if total < 10_000 else range(20, total, 1601)
    assert max(max(missed(n, total)) for n in sizes) <= 0.025 + 1e-9
