from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeval.stats.stopping_rules import PrecisionRule, RangeRule
from edgeval.stats.weighted_sampler import WeightedSampler
from tests.helpers.samplers import ForcedRaces, follow, follow_in_order, record

POINT = RangeRule(-0.01, 0.01)

TINY = [
    # An item of margin 0 that the reference has right, and flips; one large margin that flips.
    ([0.0, -0.4, 1.5, -2.0], [True, False, True, False], [-1, 0, 0, 1], 1),
    ([0.0, -0.4, 1.5, -2.0], [True, False, True, False], [-1, 0, 0, 1], 3),
    ([0.5, 0.2, 0.01, 0.0], [True] * 4, [0, -1, -1, 0], 2),
    ([-0.5, -0.2, -1.0, 0.0], [False] * 4, [0, 0, 0, 0], 2),
]
FIVE = ([0.0, 0.1, -0.05, 1.0, -3.0], [False, True, False, True, False], [1, -1, 0, -1, 0], 2)


@pytest.mark.parametrize(("margins", "is_right", "values", "block"), [*TINY, FIVE])
@pytest.mark.parametrize("first", [(), (2,)])
def test_bets_against_the_true_total_are_fair_over_all_orders(
    margins: list[float],
    is_right: list[bool],
    values: list[int],
    block: int,
    first: tuple[int, ...],
) -> None:
    size = len(values)
    # So close beside the truth that something is bet on either side.
    mean = sum(values) / size
    statement = RangeRule(mean - 0.4, mean + 0.3)
    expected, total, spread = 0.0, 0.0, []
    for order in itertools.permutations(range(size)):
        survey = WeightedSampler(
            margins, is_right, Undecided(statement), 0, first=order[: len(first)], block=block
        )
        probability, capitals = follow_in_order(survey, order, values, sum(values))
        total += probability
        expected += probability * np.array(capitals)
        spread.append(capitals)
    assert total == pytest.approx(1, abs=1e-12)
    # One row a look: what is expected over all orders, above and below.
    np.testing.assert_allclose(expected, 1, rtol=1e-9)
    assert np.std(spread) > 0.01


class Undecided(RangeRule):
    """Goes on whatever is known, with the same bets."""

    def __init__(self, statement: RangeRule) -> None:
        super().__init__(statement.low, statement.high)

    def is_decided(self, low: float, high: float) -> bool:
        return False


@pytest.mark.parametrize(("margins", "is_right", "values", "block"), TINY)
def test_the_estimate_of_every_draw_is_unbiased_over_all_orders(
    margins: list[float], is_right: list[bool], values: list[int], block: int
) -> None:
    expected = np.zeros(len(values))
    for order in itertools.permutations(range(len(values))):
        survey = WeightedSampler(margins, is_right, Undecided(POINT), 0, block=block)
        recorded = record(survey)
        probability, _ = follow_in_order(survey, order, values, sum(values))
        estimates = np.concatenate([draws.estimates for draws, _, _ in recorded.added])
        drawn = np.cumsum([0, *(values[at] for at in order[:-1])])
        expected += probability * (drawn + estimates)
    np.testing.assert_allclose(expected, sum(values), atol=1e-9)


@pytest.mark.parametrize(("margins", "is_right", "values", "block"), TINY)
def test_the_mean_of_a_blocks_estimates_is_unbiased_over_all_draws(
    margins: list[float], is_right: list[bool], values: list[int], block: int
) -> None:
    n, expected = min(block, 2), 0.0
    for drawn in itertools.permutations(range(len(values)), n):
        order = [*drawn, *(at for at in range(len(values)) if at not in drawn)]
        survey = WeightedSampler(margins, is_right, POINT, 0, block=n)
        survey._rng = ForcedRaces(order)
        recorded = record(survey)
        places = survey.next_block()
        weights = dict(zip(survey._allocation.indices, survey._allocation.weights, strict=True))
        probability = 1.0
        for place in places:
            probability *= weights[place] / sum(weights.values())
            del weights[place]
        survey.add([values[at] for at in places])
        # The estimate itself is cut where the interval ends, which so few items may reach.
        expected += probability * float(np.mean(recorded._estimates))
    assert expected == pytest.approx(sum(values), abs=1e-9)


def test_items_are_drawn_in_proportion_to_their_weights() -> None:
    survey = WeightedSampler([0.02, -0.3, 1.5, 3.0], [True, False, True, True], POINT, 7, block=2)
    firsts: Counter[int] = Counter()
    pairs: Counter[tuple[int, ...]] = Counter()
    n = 300
    for _ in range(n):
        places = survey.next_block()
        firsts[places[0]] += 1
        pairs[tuple(places)] += 1
    weights = survey._allocation.weights
    assert weights.sum() == pytest.approx(1)
    assert weights.max() > 1.5 * weights.min()
    for place, weight in enumerate(weights):
        assert firsts[place] / n == pytest.approx(weight, abs=4 * (weight / n) ** 0.5)
        for other in set(range(4)) - {place}:
            both = weight * weights[other] / (1 - weight)
            assert pairs[place, other] / n == pytest.approx(both, abs=4 * (both / n) ** 0.5)


cases = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0, 3)), st.booleans(), st.booleans(), st.floats(-1, 1)
    ),
    min_size=1,
    max_size=40,
)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(cases, seeds, st.integers(1, 15), st.integers(0, 5))
def test_draws_are_bounded_and_all_items_give_the_total(
    items: list[tuple[float, bool, bool, float]], seed: int, block: int, n_first: int
) -> None:
    margins, is_right, is_flipped, changes = zip(*items, strict=True)
    values = [
        (-1 if right else 1) if flipped else 0
        for right, flipped in zip(is_right, is_flipped, strict=True)
    ]
    order = np.random.default_rng(seed).permutation(len(items))
    survey = WeightedSampler(
        margins, is_right, Undecided(POINT), seed, first=order[:n_first].tolist(), block=block
    )
    recorded = record(survey)
    low, high, seen = recorded.low, recorded.high, []
    while not survey.is_over:
        places = survey.next_block()
        seen += places
        survey.add([values[at] for at in places], [changes[at] for at in places])
        draws, bets, (least, most) = recorded.added[-1]
        rounding = 1e-9 * len(items)
        assert (draws.lowest <= draws.estimates + rounding).all()
        assert (draws.estimates <= draws.highest + rounding).all()
        assert least <= sum(values) <= most
        assert bets.above >= 0
        assert bets.below >= 0
        assert recorded.low <= recorded.high
        assert recorded.high - recorded.low <= high - low
        low, high = recorded.low, recorded.high
    assert sorted(seen) == list(range(len(items)))
    assert seen[:n_first] == order[:n_first].tolist()
    assert recorded.low == recorded.high == recorded.estimate == sum(values)


def population(size: int = 2000) -> tuple[np.ndarray, np.ndarray, list[int], list[float]]:
    """Margins, whether they are right, flips where a change is larger, and the changes."""
    rng = np.random.default_rng(3)
    margins = rng.normal(0.3, 1.0, size)
    changes = rng.normal(0.0, 0.1, size)
    is_right = margins >= 0
    values = ((margins + changes >= 0).astype(int) - is_right.astype(int)).tolist()
    return margins, is_right, values, changes.tolist()


def test_it_is_deterministic_for_a_seed() -> None:
    margins, is_right, values, changes = population()
    drawn = [
        follow(WeightedSampler(margins, is_right, POINT, seed), values, changes)
        for seed in (5, 5, 6)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_small_margins_come_first_and_the_interval_holds_the_truth() -> None:
    margins, is_right, values, changes = population()
    survey = WeightedSampler(margins, is_right, PrecisionRule(0.01), 0)
    drawn = follow(survey, values, changes)
    found = survey.sequence
    assert found.low <= sum(values) == -12 <= found.high
    assert found.high - found.low <= 40
    assert found.low <= found.estimate <= found.high
    assert len(drawn) == len(set(drawn)) == found.n < 1000
    assert np.abs(margins[drawn]).mean() < 0.9 * np.abs(margins).mean()


def test_items_that_can_tell_estimate_better_than_as_many_at_random() -> None:
    size, limit = 800, 192
    margins, is_right, values, changes = population(size)
    estimates = []
    for seed in range(80):
        survey = WeightedSampler(margins, is_right, PrecisionRule(0.001), seed, limit=limit)
        follow(survey, values, changes)
        estimates.append(survey.sequence.estimate / size)
    found = np.mean(np.square(np.array(estimates) - np.mean(values)))
    # A simple random sample of n has the variance V / n - V / N.
    variance = np.var(values)
    assert variance / (found + variance / size) > 1.5 * limit


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("value", [0, 1])
def test_a_reference_that_is_right_or_wrong_everywhere(is_right: bool, value: int) -> None:
    size = 300
    margins = np.linspace(0, 3, size)
    sign = -1 if is_right else 1
    survey = WeightedSampler(margins, [is_right] * size, PrecisionRule(0.05), 1)
    before = (survey.sequence.low, survey.sequence.high)
    assert before == (-size, size)
    follow(survey, [sign * value] * size, [3.0 * value] * size)
    found = survey.sequence
    # It can only become worse, or only better: one end is known from the first item on.
    assert found.high <= 0 if is_right else found.low >= 0
    assert found.low <= sign * value * size <= found.high
    assert found.high - found.low <= 0.1 * size


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("is_flipped", [True, False])
@pytest.mark.parametrize("margin", [0.0, 0.7])
def test_a_population_of_one(is_right: bool, is_flipped: bool, margin: float) -> None:
    value = (-1 if is_right else 1) * is_flipped
    survey = WeightedSampler([margin], [is_right], POINT, 0)
    assert follow(survey, [value], [margin]) == [0]
    assert survey.sequence.low == survey.sequence.high == value


def test_items_without_any_margin_are_drawn_alike() -> None:
    survey = WeightedSampler([0.0] * 6, [True, False] * 3, POINT, 0, block=2)
    survey.next_block()
    assert survey._allocation.weights == pytest.approx([1 / 6] * 6)
    assert sorted(follow(survey, [-1, 0, 0, 0, 0, 1], [0.0] * 6)) == list(range(6))
    assert survey.sequence.low == survey.sequence.high == 0


@pytest.mark.parametrize(("limit", "expected"), [(100, 100), (None, 2000), (5000, 2000)])
def test_the_limit(limit: int | None, expected: int) -> None:
    margins, is_right, values, changes = population()
    survey = WeightedSampler(margins, is_right, PrecisionRule(0.0), 0, limit=limit, block=900)
    assert survey.limit == expected
    drawn = follow(survey, values, changes)
    assert len(drawn) == survey.sequence.n == expected


def test_the_first_block_is_drawn_as_it_was_given() -> None:
    margins, is_right, values, changes = population()
    first = np.random.default_rng(9).permutation(len(values))[:100].tolist()
    survey = WeightedSampler(margins, is_right, POINT, 0, first=first, block=64)
    recorded = record(survey)
    assert survey.next_block() == first
    assert survey._allocation.weights == pytest.approx([1 / len(values)] * len(values))
    survey.add([values[at] for at in first], [changes[at] for at in first])
    second = survey.next_block()
    assert len(second) == 64
    assert not set(first) & set(second)
    assert recorded.n == 100


def test_a_first_block_is_cut_at_the_limit() -> None:
    margins, is_right, values, changes = population()
    survey = WeightedSampler(margins, is_right, POINT, 0, first=range(100), limit=30)
    assert follow(survey, values, changes) == list(range(30))


def test_values_without_a_block_are_refused() -> None:
    with pytest.raises(ValueError, match="no block was drawn"):
        WeightedSampler([0.1], [True], POINT, 0).add([0])


def test_wrong_predictions_cost_items_and_not_the_truth() -> None:
    # 3 % are lost, all of them at the largest margins, where none is expected.
    margins, is_right, _, changes = population()
    right = np.flatnonzero(is_right)
    lost = right[np.argsort(-margins[right])[:60]]
    values = np.where(np.isin(np.arange(len(margins)), lost), -1, 0).tolist()
    for seed in range(5):
        survey = WeightedSampler(margins, is_right, PrecisionRule(0.01), seed)
        follow(survey, values, changes)
        found = survey.sequence
        assert found.low <= -60 <= found.high
        assert found.high - found.low <= 40
