from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import hypergeom

from edgeval.stats.hypergeometric import at_least, at_most, log_factorials, pmf, support


def exact(counts: range, marked: int, drawn: int, population: int) -> float:
    """Return the probability of counts by whole numbers."""
    ways = sum(math.comb(marked, x) * math.comb(population - marked, drawn - x) for x in counts)
    return float(Fraction(ways, math.comb(population, drawn)))


def test_log_factorials_are_those_of_whole_numbers() -> None:
    logs = np.frombuffer(log_factorials(10_042))
    assert logs.shape == (10_043,)
    for n in (0, 1, 2, 10, 255, 1000, 10_042):
        assert logs[n] == pytest.approx(math.log(math.factorial(n)), rel=1e-15, abs=1e-15)


@pytest.mark.parametrize(
    ("marked", "drawn", "population"),
    [(0, 5, 9), (9, 5, 9), (4, 0, 9), (4, 9, 9), (7, 8, 9), (3, 4, 9), (30, 41, 90), (1, 1, 1)],
)
def test_every_tail_of_a_small_set_is_counted(marked: int, drawn: int, population: int) -> None:
    given = (marked, drawn, population)
    least, most = support(*given)
    for count in range(-2, drawn + 3):
        below = exact(range(least, min(count, most) + 1), *given)
        above = exact(range(max(count, least), most + 1), *given)
        one = exact(range(count, count + 1), *given) if least <= count <= most else 0
        assert at_most(count, *given) == pytest.approx(below, rel=1e-12, abs=1e-14)
        assert at_least(count, *given) == pytest.approx(above, rel=1e-12, abs=1e-14)
        assert pmf(count, *given) == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize(
    ("marked", "drawn", "population"),
    [(5945, 400, 10_042), (1184, 1000, 2_000), (100, 9_000, 10_042), (3, 20, 276)],
)
def test_the_far_tails_keep_their_digits(marked: int, drawn: int, population: int) -> None:
    given = (marked, drawn, population)
    least, most = support(*given)
    for count in map(int, np.linspace(least, most, 9)):
        assert at_most(count, *given) == pytest.approx(
            exact(range(least, count + 1), *given), rel=1e-9
        )
        assert at_least(count, *given) == pytest.approx(
            exact(range(count, most + 1), *given), rel=1e-9
        )


def test_probabilities_are_scipys() -> None:
    found = [pmf(count, 5945, 400, 10_042) for count in range(-1, 402)]
    expected = hypergeom.pmf(np.arange(-1, 402), 10_042, 5945, 400)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found[0] == found[-1] == 0
    assert sum(found) == pytest.approx(1, abs=1e-9)


def test_millions_of_items_have_probabilities_too() -> None:
    found = at_most(750_000, 3_000_000, 2_000_000, 8_000_000)
    expected = hypergeom.cdf(750_000, 8_000_000, 3_000_000, 2_000_000)
    assert found == pytest.approx(float(expected), abs=1e-6)
