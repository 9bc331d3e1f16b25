from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.stats.stopping_rules import PrecisionRule, RangeRule

POINT = RangeRule(-0.01, 0.01)
ANYWHERE = (-1.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.005, 0.005, True),
        (-0.01, 0.01, True),
        (-0.0101, 0.005, False),
        (-0.005, 0.0101, False),
        (-0.03, -0.0101, True),
        (0.0101, 0.03, True),
        # A range holds its ends.
        (0.01, 0.03, False),
        (-0.03, -0.01, False),
        (-1, 1, False),
    ],
)
def test_a_range_is_decided_by_an_interval_inside_or_outside(
    low: float, high: float, expected: bool
) -> None:
    assert POINT.is_decided(low, high) is expected


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.32), (-0.02, 0.0), (0.5, 0.5)])
def test_a_mean_is_known_by_an_interval_of_twice_the_margin(low: float, high: float) -> None:
    assert PrecisionRule(0.0101).is_decided(low, high)
    assert PrecisionRule(0.009).is_decided(low, high) is (low == high)


def test_what_is_excluded_for_a_range() -> None:
    assert POINT.to_exclude(0.003, *ANYWHERE) == (-0.01, 0.01)
    assert POINT.to_exclude(0.01, *ANYWHERE) == (-0.01, 0.01)
    # From outside it is the nearer end, and as far on the other side.
    assert POINT.to_exclude(0.03, *ANYWHERE) == (0.01, pytest.approx(0.05))
    assert POINT.to_exclude(-0.03, *ANYWHERE) == (pytest.approx(-0.05), -0.01)


def test_what_is_excluded_for_a_margin() -> None:
    assert PrecisionRule(0.05).to_exclude(0.6, *ANYWHERE) == (
        pytest.approx(0.55),
        pytest.approx(0.65),
    )


means = st.floats(-1, 1)


@given(means, means, means)
def test_what_is_excluded_is_around_the_estimate_and_decides(
    one: float, other: float, estimate: float
) -> None:
    statement = RangeRule(min(one, other), max(one, other))
    below, above = statement.to_exclude(estimate, *ANYWHERE)
    assert below <= estimate <= above
    if statement.low <= estimate <= statement.high:
        assert statement.is_decided(below, above)
    else:
        assert above <= statement.low or statement.high <= below


@given(means, means, means, means)
def test_what_decides_stays_decided_in_a_smaller_interval(
    one: float, other: float, third: float, fourth: float
) -> None:
    low, *_, high = sorted([one, other, third, fourth])
    middle = sorted([one, other, third, fourth])[1:3]
    for statement in (POINT, PrecisionRule(0.1)):
        if statement.is_decided(low, high):
            assert statement.is_decided(*middle)
