"""The exact test of a split's difference: held to enumerations over whole distributions."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import hypergeom, multivariate_hypergeom

from edgeval.stats.ladder_test import error_of
from edgeval.stats.paired import fewest_items, limit_items
from edgeval.stats.split_difference import _Sample, bounds, score


def sizes(
    n: int, population: int, difference: int, flips: int, error: float
) -> tuple[float, float]:
    """Return how often samples of a split exclude its own difference, from below and above."""
    gained, lost = (flips + difference) // 2, (flips - difference) // 2
    low = high = 0.0
    for seen in range(max(0, n - (population - flips)), min(n, flips) + 1):
        chance = hypergeom.pmf(seen, population, flips, n)
        if chance < 1e-9:
            continue
        ups = range(max(0, seen - lost), min(seen, gained) + 1)
        chances = chance * hypergeom.pmf(np.array(ups), flips, gained, seen)

        def is_above(up: int, seen: int = seen) -> bool:
            return _Sample(up, seen - up, n, population).excludes(difference, error)

        def is_not_below(up: int, seen: int = seen) -> bool:
            return not _Sample(seen - up, up, n, population).excludes(-difference, error)

        # More gained items never make the least possible difference smaller, nor the greatest. What
        # is asked of the truth alone is what a search for both ends finds; see below.
        first = bisect_left(ups, True, key=is_above)
        last = bisect_left(ups, True, key=is_not_below)
        low += chances[first:].sum()
        high += chances[:last].sum()
    return float(low), float(high)


def shares(population: int, difference: int) -> list[int]:
    """Return numbers of flips of a split: from all one way, which are the margin, to many."""
    wanted = [abs(difference), *(round(population * share) for share in (0.012, 0.02, 0.05, 0.12))]
    found = {max(flips, abs(difference)) for flips in wanted}
    return sorted({flips + (flips - difference) % 2 for flips in found})


CELLS = [
    (n, population, sign * (limit_items(1.0, population) + beyond), k)
    for population, n in [(276, 20), (276, 150), (1000, 100), (1000, 950)]
    for sign, beyond, k in [(-1, 1, 1), (-1, 0, 7), (1, 1, 1)]
]
"""At the margin and one item beyond it, where a wrong statement is most probable, and at zero."""


@pytest.mark.parametrize(("n", "population", "difference", "k"), [*CELLS, (150, 276, 0, 1)])
def test_a_true_difference_is_excluded_no_more_often_than_is_said(
    n: int, population: int, difference: int, k: int
) -> None:
    error = error_of(k)
    for flips in shares(population, difference):
        low, high = sizes(n, population, difference, flips, error)
        assert low <= error, flips
        assert high <= error, flips


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("n", [20, 50, 100, 276, 359, 438, 700, 1000, 2009, 5000, 9000, 10_041])
@pytest.mark.parametrize("population", [1000, 10_042])
def test_no_number_of_items_and_no_share_of_flips_is_wrong_more_often(
    population: int, n: int, k: int
) -> None:
    if n >= population:
        return
    limit, error = limit_items(1.0, population), error_of(k)
    worst = 0.0
    for difference in (-limit - 1, -limit, 0, limit, limit + 1):
        for flips in shares(population, difference):
            worst = max(worst, *sizes(n, population, difference, flips, error))
    print(f"{population:6,} {n:6,} {k} {100 * error:.3f} % {100 * worst:.3f} %")
    assert worst <= error


def test_the_size_is_near_what_is_said_where_many_flips_are_expected() -> None:
    # A test that never excludes anything would pass all others.
    low, high = sizes(150, 276, -3, 33, 0.025)
    assert min(low, high) > 0.015


@pytest.mark.parametrize(("population", "n"), [(1, 1), (2, 1), (12, 5), (25, 10)])
def test_small_splits_are_held_by_all_samples(population: int, n: int) -> None:
    for gained, lost in itertools.product(range(population + 1), repeat=2):
        same = population - gained - lost
        if same < 0:
            continue
        wrong = 0.0
        for g, b in itertools.product(range(min(n, gained) + 1), range(min(n, lost) + 1)):
            if 0 <= n - g - b <= same:
                low, high = bounds(g, b, n, population, 0.05)
                if not low <= gained - lost <= high:
                    wrong += multivariate_hypergeom.pmf([g, b, n - g - b], [gained, lost, same], n)
        assert wrong <= 0.1


@given(st.integers(0, 9), st.integers(0, 9), st.integers(-30, 30))
def test_the_ends_are_between_what_is_excluded_and_what_is_not(
    gained: int, lost: int, difference: int
) -> None:
    low, high = bounds(gained, lost, 60, 150, 0.025)
    assert (low > difference) == _Sample(gained, lost, 60, 150).excludes(difference, 0.025)
    assert (high < difference) == _Sample(lost, gained, 60, 150).excludes(-difference, 0.025)


def test_a_whole_split_is_known_exactly() -> None:
    assert bounds(7, 11, 300, 300, 0.025) == (-4, -4)
    assert bounds(0, 0, 1, 1, 0.025) == (0, 0)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 40), st.integers(0, 60))
def test_bounds_mirror_and_hold_what_was_seen_and_is_certain(
    gained: int, lost: int, same: int, unseen: int
) -> None:
    n = gained + lost + same
    low, high = bounds(gained, lost, n, n + unseen, 0.025)
    assert bounds(lost, gained, n, n + unseen, 0.025) == (-high, -low)
    assert gained - lost - unseen <= low <= high <= gained - lost + unseen
    assert low - 1 < (gained - lost) / n * (n + unseen) < high + 1


def test_without_flips_as_many_items_are_needed_as_anything_valid_needs() -> None:
    # 101 lost of 10,042 items: 2.5 % of all samples of 359 would hold none of them, by at most one
    # ten-thousandth more that is given away.
    chances = [hypergeom.pmf(0, 10_042, 101, n) for n in (357, 358, 359)]
    assert chances[0] > 0.025 > chances[2]
    assert fewest_items(10_042, 1.0, 1) == 359
    assert fewest_items(10_042, 1.0, 7) == 584
    assert fewest_items(1000, 1.0, 7) == 401
    # Of 300 items seven may be left out: one that flipped would be among them in 2.3 %.
    assert fewest_items(300, 0.1, 1) == 293


@pytest.mark.parametrize("share", [-0.03, -0.01, 0.0, 0.02])
@pytest.mark.parametrize(("gained", "lost"), [(3, 9), (9, 3), (0, 4), (5, 0), (20, 22)])
def test_the_score_is_tangos(gained: int, lost: int, share: float) -> None:
    n = 400

    def minus_log_likelihood(rarer: float) -> float:
        up, down = (rarer, rarer - share) if share <= 0 else (rarer + share, rarer)
        rest = 1 - up - down
        terms = [(gained, up), (lost, down), (n - gained - lost, rest)]
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in terms if count)

    best = minimize_scalar(
        minus_log_likelihood, bounds=(0, (1 - abs(share)) / 2), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    up = best.x if share <= 0 else best.x + share
    variance = (2 * up - share - share**2) / n
    expected = ((gained - lost) / n - share) / math.sqrt(variance) if variance > 1e-9 else 0.0
    found = score(np.array(float(gained)), np.array(float(lost)), n, share)
    assert float(found) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_nothing_varies_without_flips() -> None:
    assert float(score(np.array(0.0), np.array(0.0), 100, 0.0)) == 0
