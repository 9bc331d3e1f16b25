from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from edgeval.stats.samplers import BLOCK_ITEMS, RandomSampler
from edgeval.stats.stopping_rules import PrecisionRule, RangeRule
from tests.helpers.samplers import follow, record

POINT = RangeRule(-0.01, 0.01)
NEVER = PrecisionRule(0.0)
"""Decided by the last item only, unless an interval without a width comes before."""

TINY = [
    ([1, 1, 0, 1], (0, 1), RangeRule(0.1, 0.4)),
    ([0, 0, 0, 1, 0], (0, 1), RangeRule(0.5, 0.9)),
    ([-1, 0, 0, 1, 0], (-1, 0, 1), RangeRule(-0.3, -0.2)),
    ([-1, -1, 0, -1, 0], (-1, 0, 1), RangeRule(-0.1, 0.1)),
]


def permuted(size: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).permutation(size).tolist()


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize(("items", "outcomes", "statement"), TINY)
def test_bets_against_the_true_total_are_fair_over_all_orders(
    items: list[int], outcomes: tuple[int, ...], statement: RangeRule, block: int
) -> None:
    capitals = []
    for order in itertools.permutations(range(len(items))):
        survey = RandomSampler(order, len(items), outcomes, statement, block=block)
        sequence, after = record(survey), []
        for first in range(0, len(items), block):
            places = survey.next_block()
            assert places == list(order[first : first + block])
            survey.add([items[at] for at in places])
            after.append(np.exp(sequence.capital(sum(items))))
        capitals.append(after)
    # One row a look: what all orders have on average, above and below.
    np.testing.assert_allclose(np.mean(capitals, axis=0), 1, rtol=1e-12)
    assert np.std(capitals) > 0.01


@pytest.mark.parametrize(("items", "outcomes", "statement"), TINY)
def test_the_estimate_is_unbiased_over_all_orders(
    items: list[int], outcomes: tuple[int, ...], statement: RangeRule
) -> None:
    for n in range(1, len(items) + 1):
        estimates = []
        for order in itertools.permutations(range(len(items)), n):
            survey = RandomSampler(order, len(items), outcomes, statement, block=n)
            survey.add([items[at] for at in survey.next_block()])
            estimates.append(survey.sequence.estimate)
        assert np.mean(estimates) == pytest.approx(sum(items))


populations = st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60)
seeds = st.integers(0, 2**32 - 1)
blocks = st.integers(1, 20)


@settings(deadline=None, max_examples=50)
@given(populations, seeds, blocks)
def test_draws_are_bounded_and_what_is_certain_holds_the_total(
    items: list[int], seed: int, block: int
) -> None:
    survey = RandomSampler(permuted(len(items), seed), len(items), (-1, 0, 1), POINT, block=block)
    sequence = record(survey)
    low, high = sequence.low, sequence.high
    while not survey.is_over:
        survey.add([items[at] for at in survey.next_block()])
        draws, bets, (least, most) = sequence.added[-1]
        assert (draws.lowest <= draws.estimates).all()
        assert (draws.estimates <= draws.highest).all()
        assert least <= sum(items) <= most
        assert bets.above >= 0
        assert bets.below >= 0
        assert sequence.low <= sequence.high
        assert sequence.high - sequence.low <= high - low
        low, high = sequence.low, sequence.high


@settings(deadline=None, max_examples=50)
@given(populations, seeds, blocks)
def test_a_survey_that_is_not_decided_draws_all_items_in_its_order(
    items: list[int], seed: int, block: int
) -> None:
    order = permuted(len(items), seed)
    survey = RandomSampler(order, len(items), (-1, 0, 1), NEVER, block=block)
    drawn = follow(survey, items)
    assert drawn == order[: len(drawn)]
    assert survey.sequence.low == survey.sequence.high
    if len(drawn) == len(items):
        assert survey.sequence.low == survey.sequence.seen == sum(items)


@settings(deadline=None, max_examples=50)
@given(populations, seeds, st.data())
def test_the_estimate_is_the_sample_mean(items: list[int], seed: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(items)))
    order = permuted(len(items), seed)[:n]
    survey = RandomSampler(order, len(items), (-1, 0, 1), PrecisionRule(0.001), block=7)
    drawn = follow(survey, items)
    found = survey.sequence
    mean = len(items) * np.mean([items[at] for at in drawn])
    assert found.estimate == pytest.approx(min(max(mean, found.low), found.high), abs=1e-4)


def test_without_flips_10042_items_are_known_to_a_point_after_444() -> None:
    size = 10_042
    ends = {}
    for block in (2, BLOCK_ITEMS):
        survey = RandomSampler(range(size), size, (-1, 0, 1), POINT, block=block)
        ends[block] = len(follow(survey, [0] * size))
    assert ends == {2: 444, 64: 512}
    # No valid interval can do with less than the items of which, with 101 flips one way in the
    # population, 2.5 % of all samples hold none: 359; with replacement it would be 368.
    n = np.arange(size)
    assert int(np.argmax(hypergeom.pmf(0, size, 101, n) <= 0.025)) == 359
    assert math.ceil(math.log(0.025) / math.log(0.99)) == 368
    assert size * (1 - 0.025 ** (1 / 100)) == pytest.approx(363.7, abs=0.05)
    # Nor can bets against 1 % of the items, were all staked on no flip: each wins what was left
    # over what would be left without those.
    left = size - n[: size // 2]
    capital = np.cumsum(np.log(left / (left - 0.01 * size)))
    assert int(np.argmax(capital >= math.log(40))) + 1 == 361


def test_many_right_answers_need_fewer_items_than_a_coin() -> None:
    size = 10_000
    ends = {}
    for right in (5000, 9500):
        items = [1] * right + [0] * (size - right)
        survey = RandomSampler(permuted(size), size, (0, 1), PrecisionRule(0.02))
        ends[right] = len(follow(survey, items))
        found = survey.sequence
        assert found.high - found.low <= 0.04 * size
        assert found.low <= right <= found.high
    # A fixed sample would need 1,936 and 437 items.
    assert 1936 < ends[5000] < 4500
    assert 437 < ends[9500] < 1500


def test_it_stops_at_the_first_look_that_decides() -> None:
    size = 5000
    items = [-1] * 500 + [0] * 4500
    survey = RandomSampler(permuted(size), size, (-1, 0, 1), POINT)
    found, looks = survey.sequence, 0
    while not survey.is_over:
        assert not POINT.is_decided(found.low / size, found.high / size)
        survey.add([items[at] for at in survey.next_block()])
        looks += 1
    # A tenth is lost: about as many items as a fixed sample needs to tell that from a point.
    assert found.high < -0.01 * size
    assert found.n == looks * BLOCK_ITEMS < 512


def test_a_limit_ends_it_undecided() -> None:
    order = permuted(1000)[:100]
    survey = RandomSampler(order, 1000, (0, 1), PrecisionRule(0.01))
    assert follow(survey, [0, 1] * 500) == order
    assert survey.sequence.n == survey.limit == 100
    assert survey.sequence.high - survey.sequence.low > 20


@pytest.mark.parametrize(("value", "outcomes"), [(0, (0, 1)), (1, (0, 1)), (-1, (-1, 0, 1))])
def test_a_population_of_one(value: int, outcomes: tuple[int, ...]) -> None:
    survey = RandomSampler([0], 1, outcomes, PrecisionRule(0.01))
    assert not survey.is_over
    assert follow(survey, [value]) == [0]
    assert survey.sequence.low == survey.sequence.high == survey.sequence.estimate == value


def test_a_survey_is_not_over_before_its_first_item() -> None:
    # Whatever is asked, nothing is known yet.
    assert not RandomSampler([0, 1], 2, (0, 1), PrecisionRule(1.0)).is_over
