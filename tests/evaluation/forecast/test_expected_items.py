"""Expected items: what an evaluation that stops takes, held to evaluations that did."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeval.evaluation.forecast.expected_items import accuracy_items, drift_items
from edgeval.stats.ladder_test import error_of
from edgeval.stats.paired import limit_items
from edgeval.stats.samplers import RandomSampler
from edgeval.stats.stopping_rules import PrecisionRule, RangeRule
from edgeval.stats.weighted_sampler import WeightedSampler

SIZE = 10_042


def stopped_at(flips: float, points: float, n_compared: int, seed: int) -> int:
    """Return after how many items a type is decided of which so many items flip, either way."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0.1, 1.0, SIZE)
    changes = rng.laplace(0.0, flips / 0.4, SIZE)
    was, is_now = margins > 0, margins + changes > 0
    within = limit_items(points, SIZE) / SIZE
    sampler = WeightedSampler(
        margins,
        was,
        RangeRule(-within, within),
        seed,
        first=range(100),
        limit=SIZE,
        level=1 - 2 * error_of(n_compared),
    )
    while not sampler.is_over:
        block = sampler.next_block()
        values = np.subtract(is_now[block], was[block], dtype=int)
        sampler.add(values.tolist(), changes[block].tolist())
    return sampler.sequence.n


@pytest.mark.parametrize(("bits", "flips"), [(8.5, 0.003), (6.6, 0.008)])
def test_types_are_decided_after_about_as_many_items(bits: float, flips: float) -> None:
    expected = drift_items(bits, 1.0, SIZE, n_compared=3)
    found = [stopped_at(flips, 1.0, 3, seed) for seed in range(2)]
    assert expected.low <= np.mean(found) <= expected.high


@pytest.mark.parametrize(
    ("bits", "n_items"),
    [(8.5, (676, 868)), (6.6, (868, 1060)), (5.7, (868, 1508)), (2.6, (164, 612))],
)
def test_the_range_holds_what_was_measured_of_the_demo(
    bits: float, n_items: tuple[int, int]
) -> None:
    """BENCHMARKS.md, "Items that a decision takes": seven types together, 20 orders."""
    expected = drift_items(bits, 1.0, SIZE, n_compared=7)
    assert expected.low <= n_items[0]
    assert n_items[1] <= expected.high


@settings(deadline=None)
@given(
    bits=st.floats(1.5, 16.0),
    points=st.floats(0.2, 10.0),
    n_items=st.integers(1, 20_000),
    n_compared=st.integers(1, 40),
)
def test_no_more_items_are_expected_than_there_are(
    bits: float, points: float, n_items: int, n_compared: int
) -> None:
    found = drift_items(bits, points, n_items, n_compared)
    assert 0 <= found.low <= found.value <= found.high <= n_items


def test_fewer_bits_and_smaller_margins_take_more() -> None:
    by_bits = [drift_items(bits, 1.0, SIZE, 3).value for bits in (8.5, 6.6, 4.8, 3.4)]
    by_points = [drift_items(4.8, points, SIZE, 3).value for points in (4.0, 2.0, 1.0, 0.5)]
    for values in (by_bits, by_points):
        assert all(first < second for first, second in itertools.pairwise(values))


def test_an_accuracy_takes_about_as_many_items_as_are_expected() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(SIZE) < 0.59
    points = 2.0
    rule = PrecisionRule(points / 100)
    sampler = RandomSampler(rng.permutation(SIZE).tolist(), SIZE, (0, 1), rule)
    while not sampler.is_over:
        sampler.add(right[sampler.next_block()].astype(int).tolist())
    expected = accuracy_items(points, SIZE)
    assert expected.low <= sampler.sequence.n <= expected.high
