"""The lowest coverage of the ordinary intervals, for new items, over a fine grid: enumerated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from edgeval.stats.intervals import bonett_price, wilson

SIZES = (20, 35, 50, 80, 120, 200, 276, 350, 438, 600, 1000, 2009, 5000, 10_042)
SHARES = np.unique(np.concatenate([np.geomspace(0.001, 0.5, 60), np.arange(0.005, 0.31, 0.005)]))
"""Of items that flip, as far as 1 in 1,000: every half percent, which has the margin, and between.
"""
GAINED = (0.0, 0.1, 0.25, 0.4, 0.5)
_FAR = 1e-9


def pairs(n: int, share: float, gained: float) -> tuple[NDArray[np.int64], ...]:
    """Return gained and lost items of all samples that are likely, and how likely each is."""
    flips = np.arange(binom.ppf(_FAR, n, share), binom.isf(_FAR, n, share) + 1)
    most = int(binom.isf(_FAR, flips[-1], gained)) if gained else 0
    up, of = np.meshgrid(np.arange(most + 1), flips)
    weights = binom.pmf(of, n, share) * binom.pmf(up, of, gained)
    keep = weights > 1e-13
    return up[keep].astype(int), (of - up)[keep].astype(int), weights[keep]


def coverage(n: int, share: float, gained: float, level: float) -> float:
    """Return how often the paired interval holds the true difference."""
    up, down, weights = pairs(n, share, gained)
    truth = 100 * share * (2 * gained - 1)
    z = float(-binom_z((1 - level) / 2))
    u, d = (up + 1) / (n + 2), (down + 1) / (n + 2)
    half = 100 * z * np.sqrt((u + d - (u - d) ** 2) / (n + 2))
    holds = np.abs(100 * (u - d) - truth) <= half + 1e-9
    return float(weights[holds].sum())


def binom_z(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def test_the_grid_computes_what_the_product_does() -> None:
    found = bonett_price(4, 9, 98, level=0.99)
    u, d = 5 / 100, 10 / 100
    half = 100 * -binom_z(0.005) * np.sqrt((u + d - (u - d) ** 2) / 100)
    assert (found.low, found.high) == pytest.approx((100 * (u - d) - half, 100 * (u - d) + half))


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 7])
def test_the_lowest_coverage_of_a_difference_on_new_items(k: int) -> None:
    level = 1 - 0.05 / k
    cells = [
        (coverage(n, share, gained, level), n, share, gained)
        for n in SIZES
        for share in SHARES
        for gained in GAINED
    ]
    lowest, n, share, gained = min(cells)
    below = np.mean([found < level for found, *_ in cells])
    print(
        f"{len(cells):,} cells at {100 * level:.2f} %: lowest {100 * lowest:.2f} % ({n:,} items, "
        f"{100 * share:.2f} % flips, {100 * gained:.0f} % of them gained), below in "
        f"{100 * below:.0f} % of them"
    )
    # An ordinary interval dips below its level, since counts come in steps: nothing is decided by
    # it.
    assert lowest > level - 0.03


@pytest.mark.slow
def test_the_lowest_coverage_of_an_accuracy_on_new_items() -> None:
    cells = []
    for n in SIZES:
        ends = [wilson(right / n, n) for right in range(n + 1)]
        low, high = (np.array([getattr(each, name) for each in ends]) for name in ("low", "high"))
        for p in np.arange(0.1, 0.951, 0.005):
            holds = (low <= p + 1e-12) & (p - 1e-12 <= high)
            cells.append((float(binom.pmf(np.flatnonzero(holds), n, p).sum()), n, float(p)))
    lowest, n, p = min(cells)
    print(f"{len(cells):,} cells: lowest {100 * lowest:.2f} % ({n:,} items, accuracy {p:.3f})")
    assert lowest > 0.9
