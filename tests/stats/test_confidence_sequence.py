from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from edgeval.stats.confidence_sequence import Bets, ConfidenceSequence, Draws, growth_optimal

STAKED = 0.9999


@dataclass(frozen=True)
class Block:
    """Items in the order in which they are drawn, how they were weighted, and what was bet."""

    values: list[int]
    weights: list[float]
    bets: Bets


@st.composite
def populations(draw: st.DrawFn) -> list[Block]:
    bets = st.floats(0, 4)
    blocks = st.builds(
        lambda items, above, below: Block(
            [value for value, _ in items], [weight for _, weight in items], Bets(above, below)
        ),
        st.lists(
            st.tuples(st.sampled_from([-1, 0, 1]), st.floats(0.01, 1)), min_size=1, max_size=5
        ),
        bets,
        bets,
    )
    return draw(st.lists(blocks, min_size=1, max_size=6))


def add(sequence: ConfidenceSequence, block: Block, weights_after: float) -> tuple[float, float]:
    """Add a block whose items, and all after them, are drawn in proportion to weights."""
    values, weights = np.array(block.values, dtype=float), np.array(block.weights)
    left = weights_after + np.cumsum(weights[::-1])[::-1]
    most = left / 0.01
    n_after = sequence.size - sequence.n - len(values)
    seen = sequence.seen + values.sum()
    certain = (seen - n_after, seen + n_after)
    sequence.add(
        Draws(values, values * left / weights, -most, most, np.ones(len(values))),
        block.bets,
        certain,
    )
    return certain


def weight_after(blocks: list[Block], index: int) -> float:
    return sum(sum(block.weights) for block in blocks[index + 1 :])


def complete(blocks: list[Block]) -> ConfidenceSequence:
    sequence = ConfidenceSequence(sum(len(block.values) for block in blocks), -1, 1)
    for index, block in enumerate(blocks):
        add(sequence, block, weight_after(blocks, index))
    return sequence


@settings(deadline=None, max_examples=50)
@given(populations())
def test_the_interval_never_grows_and_ends_at_the_total(blocks: list[Block]) -> None:
    sequence = ConfidenceSequence(sum(len(block.values) for block in blocks), -1, 1)
    for index, block in enumerate(blocks):
        low, high = sequence.low, sequence.high
        least, most = add(sequence, block, weight_after(blocks, index))
        assert least <= sequence.low <= sequence.high <= most
        assert sequence.high - sequence.low <= high - low
        # Neither end moves outwards, but where all that was left has become impossible.
        assert sequence.low >= low or sequence.low == sequence.high == most
        assert sequence.high <= high or sequence.low == sequence.high == least
        assert sequence.low <= sequence.estimate <= sequence.high
    total = sum(sum(block.values) for block in blocks)
    assert sequence.n == sequence.size
    assert sequence.low == sequence.high == sequence.estimate == sequence.seen == total


@settings(deadline=None, max_examples=50)
@given(populations(), st.lists(st.floats(-40, 40), min_size=2, max_size=10))
def test_bets_against_greater_totals_win_less_from_above_and_more_from_below(
    blocks: list[Block], totals: list[float]
) -> None:
    sequence = complete(blocks)
    capitals = [sequence.capital(total) for total in sorted(totals)]
    for (above, below), (next_above, next_below) in itertools.pairwise(capitals):
        assert next_above <= above + 1e-9
        assert next_below >= below - 1e-9


def draws_of(values: list[float], size: int) -> Draws:
    """Items with the values 0 or 1, all drawn with the same probability."""
    left = size - np.arange(len(values), dtype=float)
    drawn = np.array(values, dtype=float)
    return Draws(drawn, drawn * left, 0 * left, left, left * (left - 1))


def test_the_capital_by_hand() -> None:
    # Of 4 items the first is 1, the second 0. Against a total of 2, one unit for each unit above:
    # the first is estimated as 4, 2 above; the second as 0, and the rest would be 1: 1 below.
    sequence = ConfidenceSequence(4, 0, 1)
    sequence.add(draws_of([1, 0], 4), Bets(0.25, 0.1), (1, 3))
    above, below = sequence.capital(2)
    assert above == pytest.approx(math.log(1.5) + math.log(0.75))
    assert below == pytest.approx(math.log(0.8) + math.log(1.1))


def test_no_bet_stakes_more_than_there_is() -> None:
    # A bet of 5 would lose 10 of 1 where 0 is drawn and 2 were left: 0.9999 is staked.
    sequence = ConfidenceSequence(4, 0, 1)
    sequence.add(draws_of([0], 4), Bets(5.0, 0.0), (0, 3))
    assert sequence.capital(2) == (pytest.approx(math.log(1 - STAKED)), 0)


def test_impossible_totals_are_excluded_without_a_bet() -> None:
    sequence = ConfidenceSequence(4, 0, 1)
    sequence.add(draws_of([1, 1], 4), Bets(0.0, 0.0), (2, 4))
    # After the first item half of one would be left, and the second has more.
    assert sequence.capital(0.5) == (math.inf, 0)
    assert (sequence.low, sequence.high) == (2, 4)


def test_the_interval_ends_where_capital_is_40() -> None:
    sequence = ConfidenceSequence(1000, 0, 1)
    sequence.add(draws_of([1, 0] * 100, 1000), Bets(0.001, 0.001), (100, 900))
    assert sequence.threshold == pytest.approx(math.log(40))
    assert 100 < sequence.low < 500 < sequence.high < 900
    assert sequence.capital(sequence.low)[0] == pytest.approx(math.log(40), abs=1e-4)
    assert sequence.capital(sequence.high)[1] == pytest.approx(math.log(40), abs=1e-4)


def test_another_level_has_another_threshold() -> None:
    assert ConfidenceSequence(10, 0, 1, level=0.9).threshold == pytest.approx(math.log(20))


def test_a_contradicted_interval_is_what_is_nearest_of_what_is_possible() -> None:
    # 300 right answers exclude few right ones; then the other 700 are all wrong.
    sequence = ConfidenceSequence(1000, 0, 1)
    sequence.add(draws_of([1] * 300, 1000), Bets(0.0015, 0.0), (300, 1000))
    assert sequence.low > 600
    wrong = np.zeros(500)
    left = 700 - np.arange(500.0)
    sequence.add(Draws(wrong, wrong, wrong, left, left), Bets(0.0, 0.0), (300, 500))
    assert sequence.low == sequence.high == 500


@given(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=30), st.integers(0, 30))
def test_with_equal_probabilities_the_estimate_is_the_sample_mean(
    values: list[float], n_more: int
) -> None:
    size = len(values) + n_more
    sequence = ConfidenceSequence(size, 0, 1)
    sequence.add(draws_of(values, size), Bets(0.0, 0.0), (0, size))
    assert sequence.estimate == pytest.approx(size * np.mean(values), abs=1e-5)


def test_nothing_is_known_before_the_first_item() -> None:
    sequence = ConfidenceSequence(10, -1, 1)
    assert (sequence.low, sequence.high, sequence.estimate) == (-10, 10, 0)
    assert sequence.capital(3) == (0, 0)


gambles = st.lists(
    st.tuples(st.floats(-10, 10), st.floats(0.01, 1)), min_size=2, max_size=6
).filter(lambda outcomes: min(gain for gain, _ in outcomes) < -0.01)


@settings(deadline=None)
@given(gambles)
def test_the_bet_is_that_of_greatest_growth(outcomes: list[tuple[float, float]]) -> None:
    gains = np.array([gain for gain, _ in outcomes])
    probabilities = np.array([chance for _, chance in outcomes])
    probabilities /= probabilities.sum()

    def loss(bet: float) -> float:
        return -float(probabilities @ np.log1p(bet * gains))

    most = STAKED / -gains.min()
    reference = minimize_scalar(loss, bounds=(0, most), method="bounded", options={"xatol": 1e-9})
    bet, growth = growth_optimal(gains, probabilities)
    assert 0 <= bet <= most
    assert growth == pytest.approx(-loss(bet), abs=1e-12)
    assert growth == pytest.approx(-min(reference.fun, loss(0), loss(most)), abs=1e-6)
    assert (bet > 0) == (float((probabilities * gains).sum()) > 0)


def test_kellys_bet_by_hand() -> None:
    # At even odds with a chance of 0.6 a fifth is staked: 0.6 log 1.2 + 0.4 log 0.8.
    bet, growth = growth_optimal(np.array([1.0, -1.0]), np.array([0.6, 0.4]))
    assert bet == pytest.approx(0.2, rel=1e-5)
    assert growth == pytest.approx(0.0201355, abs=1e-7)


@pytest.mark.parametrize(
    ("gains", "probabilities", "expected"),
    [
        ([1.0, -1.0], [0.5, 0.5], 0.0),
        ([1.0, -1.0], [0.4, 0.6], 0.0),
        # A loss that cannot happen does not limit the bet; one that can does.
        ([1.0, -1.0, -9.0], [0.6, 0.4, 0.0], 0.2),
        ([1.0, -4.0], [1.0, 1e-9], STAKED / 4),
        ([1.0, 2.0], [0.5, 0.5], 0.0),
    ],
)
def test_bets_at_the_edges(gains: list[float], probabilities: list[float], expected: float) -> None:
    found = growth_optimal(np.array(gains), np.array(probabilities))[0]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [0.0, 1e-18, 1e-12])
def test_nothing_is_bet_where_a_loss_is_nothing_but_rounding(loss: float) -> None:
    # All outcomes win: what is tested is excluded for certain, and a bet would have no bound.
    assert growth_optimal(np.array([-loss, 2.0, 5.0]), np.array([0.2, 0.5, 0.3])) == (0.0, 0.0)
    bet, _ = growth_optimal(np.array([-1e-3, 2.0, 5.0]), np.array([0.2, 0.5, 0.3]))
    assert 0 < bet <= 1000


def test_the_ends_of_means_are_of_whole_totals() -> None:
    sequence = ConfidenceSequence(10, -1, 1)
    sequence.low, sequence.high = -2.3, 4.9999999
    assert sequence.means == (0.0, -0.2, 0.5)
