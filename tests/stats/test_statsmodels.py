"""The statistics agree with those of statsmodels and scipy."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from edgeval.stats.intervals import wilson
from edgeval.stats.mcnemar import holm, mcnemar

CLOSE = {"rel": 1e-12, "abs": 1e-14}


@given(st.integers(0, 2000), st.integers(0, 2000))
@settings(deadline=None)
def test_mcnemar_is_the_nearest_float(gained: int, lost: int) -> None:
    n = gained + lost
    at_most = sum(math.comb(n, heads) for heads in range(min(gained, lost) + 1))
    assert mcnemar(gained, lost) == float(min(Fraction(1), Fraction(2 * at_most, 2**n)))


# Of more flips than 1,074 theirs may say 0, where it is 1e-257: 2**-n is no float any more.
@given(st.integers(0, 500), st.integers(0, 500))
@settings(deadline=None)
def test_mcnemar(gained: int, lost: int) -> None:
    found = mcnemar(gained, lost)
    # The diagonal, where both models agree, does not count.
    table = [[70, lost], [gained, 30]]
    # Ten digits: theirs sum some hundred terms, and each rounds.
    assert found == pytest.approx(reference_mcnemar(table, exact=True).pvalue, rel=1e-10, abs=0)
    if gained + lost:
        expected = binomtest(gained, gained + lost, 0.5).pvalue
        assert found == pytest.approx(expected, rel=1e-10, abs=0)


@given(st.integers(1, 20_000), st.data())
@settings(deadline=None)
def test_wilson(total: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, total))
    found = wilson(correct / total, total)
    expected = proportion_confint(correct, total, alpha=0.05, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, **CLOSE)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(deadline=None, max_examples=20)
def test_holm(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(expected), **CLOSE)
