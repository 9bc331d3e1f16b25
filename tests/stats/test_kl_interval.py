"""Intervals of a KL divergence over a split: by hand, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from edgeval.records import Divergence
from edgeval.stats.kl import divergence
from edgeval.stats.kl_interval import kl_interval
from edgeval.stats.top_logprobs import ItemDivergence
from tests.helpers.gates import make_kl

SPLIT = 10_042


def test_the_ends_of_a_sample_by_hand() -> None:
    found = make_kl(0.06, 0.003)
    quantile = stats.t.ppf(0.975, 99)
    low, high = kl_interval(found, SPLIT)
    assert low == pytest.approx(0.06 * math.exp(-quantile * 0.05), rel=1e-4)
    assert high == pytest.approx(0.06 / (1 - quantile * 0.05), rel=1e-4)


def test_more_types_make_it_wider_and_more_items_narrower() -> None:
    ends = [kl_interval(make_kl(0.06, 0.003), SPLIT, k) for k in (1, 2, 7, 40)]
    assert ends == sorted(ends, key=lambda each: each[0] - each[1], reverse=True)
    few = kl_interval(make_kl(0.06, 0.003, n_items=5), SPLIT)
    assert few[0] < ends[0][0] < ends[0][1] < few[1]


def test_of_all_items_only_the_drawn_tokens_are_open() -> None:
    found = make_kl(0.06, 0.003, n_items=400)
    assert kl_interval(found, 400) == (0.99 * 0.06, pytest.approx(1.01 * 0.06))
    wider = stats.t.ppf(1 - 0.025 / 7, 1200) / stats.t.ppf(0.975, 1200)
    assert kl_interval(found, 400, 7)[1] == pytest.approx(0.06 + wider * 0.0006, rel=1e-5)


def test_a_bound_alone_has_no_upper_end() -> None:
    without = {"kl_full_nats": None, "kl_full_error_nats": None, "kl_upper_nats": None}
    low, high = kl_interval(make_kl(0.06, 0.003, **without), SPLIT)
    assert 0.05 < low < 0.0594
    assert high == math.inf
    assert kl_interval(make_kl(0.06, n_items=SPLIT, **without), SPLIT) == (0.99 * 0.06, math.inf)


@pytest.mark.parametrize("drawn", ["file order", "unknown", None])
def test_what_is_no_sample_tells_nothing(drawn: str | None) -> None:
    assert kl_interval(make_kl(0.06, drawn=drawn), SPLIT) == (0.0, math.inf)
    # Of all items it does not matter how they were drawn.
    assert kl_interval(make_kl(0.06, drawn=drawn, n_items=9), 9)[1] < 0.07


def test_one_item_tells_nothing_and_an_error_as_large_as_the_value_has_no_end() -> None:
    assert kl_interval(make_kl(0.06, None, n_items=1), SPLIT) == (0.0, math.inf)
    low, high = kl_interval(make_kl(0.06, 0.05), SPLIT)
    assert 0 < low < 0.06
    assert high == math.inf


def test_the_same_distributions_are_no_way_apart() -> None:
    assert kl_interval(make_kl(0.0, 0.0), SPLIT) == (0.0, 0.0)


def _sample(random: np.random.Generator, n_items: int) -> Divergence:
    """Return the divergence of items that are as skewed as those of the demo's types (6)."""
    positions = random.integers(10, 90, n_items)
    sums = positions * 0.01 * random.lognormal(-0.32, 0.8, n_items)
    items = [
        ItemDivergence(int(n), float(each), 0, 0.0, 0.0, 0.0)
        for n, each in zip(positions, sums, strict=True)
    ]
    return divergence(items, "random")


@pytest.mark.parametrize("n_items", [50, 100, 300])
def test_each_end_misses_about_as_often_as_it_says(n_items: int) -> None:
    random = np.random.default_rng(n_items)
    truth = 0.01 * math.exp(-0.32 + 0.8**2 / 2)
    ends = np.array([kl_interval(_sample(random, n_items), SPLIT) for _ in range(3_000)])
    above, below = (ends[:, 0] > truth).mean(), (ends[:, 1] < truth).mean()
    # Meant are 0.025 each. Of skewed items the upper end misses more often: with t on the value
    # itself, as is usual, in 0.06 to 0.10.
    assert above < 0.025
    assert below < 0.055
