from __future__ import annotations

import math
import time
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from edgeval.stats.intervals import split_interval, wilson
from edgeval.stats.metrics import METRICS, metric, metrics_of, pick, picks
from tests.helpers.fakes import make_item, make_score, score_picking


def test_the_four_metrics_can_pick_four_choices() -> None:
    score = make_score(
        # sum     / characters       / bytes            mean a token
        # -4      / 2  = -2          / 2  = -2          -2      <- acc
        # -9      / 10 = -0.9        / 10 = -0.9        -1.5    <- acc_norm
        # -10.8   / 9  = -1.2        / 27 = -0.4        -1.8    <- acc_bytes
        # -20     / 4  = -5          / 4  = -5          -0.5    <- acc_token
        logprobs=[-4.0, -9.0, -10.8, -20.0],
        item=make_item(choices=["ab", "abcdefghij", "日" * 9, "abcd"]),
        token_means=[-2.0, -1.5, -1.8, -0.5],
    )
    assert picks(score, METRICS) == {"acc": 0, "acc_norm": 1, "acc_bytes": 2, "acc_token": 3}


def test_characters_are_code_points_and_the_space_before_a_choice_does_not_count() -> None:
    score = make_score([-1.0, -1.0, -1.0], make_item(choices=["é", "e\u0301", " 🦙 "]))
    assert score.n_chars == (1, 2, 3)
    assert score.n_bytes == (2, 3, 6)


@pytest.mark.parametrize("name", METRICS)
def test_ties_go_to_the_first_choice(name: str) -> None:
    score = make_score([-3.0, -2.0, -2.0, -2.0])
    assert pick(score, name) == 1


def test_values_that_differ_in_the_last_bit_are_not_ties() -> None:
    assert pick(make_score([-2.0, -math.nextafter(2.0, 0.0)]), "acc") == 1


def test_metrics_of_counts_the_gold_picks_of_each_metric() -> None:
    # Picks by sum: 0, 1, 1. By character: 1, 1, 1. Gold: 0, 1, 0.
    by_sum_only = make_item(choices=["a", "bbbb"], gold=0)
    scores = [
        make_score([-2.0, -4.0], by_sum_only),
        make_score([-5.0, -4.0], make_item(choices=["a", "bbbb"], gold=1)),
        make_score([-5.0, -4.0], by_sum_only),
    ]
    found = metrics_of(scores, 3, METRICS)
    assert list(found) == ["acc", "acc_norm", "acc_bytes", "acc_token"]
    assert {name: one.correct for name, one in found.items()} == {
        "acc": 2,
        "acc_norm": 1,
        "acc_bytes": 1,
        "acc_token": 2,
    }
    assert found["acc"].value == 2 / 3
    assert found["acc"].total == 3


def test_metrics_of_corrects_for_the_population() -> None:
    scores = [score_picking(0, gold=index % 2) for index in range(10)]
    assert metrics_of(scores, 40, ["acc"])["acc"] == metric(5, 10, 40)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_newcombe(correct: int, total: int, low: float, high: float) -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3, to the printed digits.
    found = wilson(correct / total, total)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.level == 0.95


@given(
    st.floats(0, 1),
    st.floats(1, 1e6),
    st.sampled_from([0.8, 0.9, 0.95, 0.99]),
)
def test_wilson_bounds_are_the_proportions_at_z_standard_errors(
    proportion: float, size: float, level: float
) -> None:
    # The bounds p solve (proportion - p)^2 = z^2 p (1 - p) / size.
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    a, b, c = 1 + z2 / size, -(2 * proportion + z2 / size), proportion**2
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    found = wilson(proportion, size, level)
    assert found.low == pytest.approx((-b - root) / (2 * a), abs=1e-7)
    assert found.high == pytest.approx((-b + root) / (2 * a), abs=1e-7)
    assert 0 <= found.low <= found.high <= 1
    assert found.low - 1e-12 <= proportion <= found.high + 1e-12


def test_wilson_of_a_larger_sample_is_narrower() -> None:
    widths = [wilson(0.592, size).high - wilson(0.592, size).low for size in (100, 1000, 10042)]
    # About 2 * 1.96 * sqrt(0.592 * 0.408 / size).
    np.testing.assert_allclose(widths, [0.189, 0.0608, 0.01922], rtol=0.003)


def test_the_whole_split_has_no_sampling_error() -> None:
    found = metric(5945, 10042, 10042)
    assert found.value == 5945 / 10042
    assert found.split_interval.low == found.value == found.split_interval.high
    assert found.interval == wilson(5945 / 10042, 10042)
    # New items are still uncertain: about 1.96 * sqrt(0.592 * 0.408 / 10042) = 0.0096.
    assert found.interval.high - found.interval.low == pytest.approx(0.0192, abs=1e-4)


@pytest.mark.parametrize(("total", "population"), [(1, 2), (5, 9), (20, 60), (60, 61), (119, 120)])
def test_an_interval_holds_what_neither_tail_excludes(total: int, population: int) -> None:
    # By whole numbers, over every number of right items in the split.
    ways = math.comb(population, total)
    for correct in range(total + 1):
        held = []
        for right in range(population + 1):
            drawn = [
                math.comb(right, x) * math.comb(population - right, total - x)
                for x in range(total + 1)
            ]
            if 40 * min(sum(drawn[: correct + 1]), sum(drawn[correct:])) >= ways:
                held.append(right / population)
        found = split_interval(correct, total, population)
        assert (found.low, found.high) == (held[0], held[-1])


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 9000), st.data())
def test_the_interval_for_the_split_is_of_counts_that_can_be(
    total: int, more: int, data: st.DataObject
) -> None:
    correct, population = data.draw(st.integers(0, total)), total + more
    found = metric(correct, total, population)
    low, high = (population * end for end in (found.split_interval.low, found.split_interval.high))
    assert low == pytest.approx(round(low)) and high == pytest.approx(round(high))
    assert correct <= round(low) <= round(high) <= more + correct
    # An estimate is no count: of 80 of 81 items with 1 right, 2 in all are too improbable, and 1.01
    # is estimated.
    estimate = correct / total * population
    assert round(low) <= math.ceil(estimate - 1e-9) and math.floor(estimate + 1e-9) <= round(high)
    mirrored = split_interval(total - correct, total, population)
    assert mirrored.low == pytest.approx(1 - found.split_interval.high)
    # Of an infinite split it would be that of Clopper and Pearson, which more items only narrow.
    assert (
        found.split_interval.high - found.split_interval.low <= exact_width(correct, total) + 1e-9
    )


def exact_width(correct: int, total: int) -> float:
    """Return the width of the interval of Clopper and Pearson."""
    low = beta.ppf(0.025, correct, total - correct + 1) if correct else 0.0
    high = beta.ppf(0.975, correct + 1, total - correct) if correct < total else 1.0
    return float(high - low)


def test_an_interval_takes_below_a_millisecond() -> None:
    split_interval.cache_clear()
    begun = time.process_time()
    for correct in range(2900, 3000):
        split_interval(correct, 5000, 10042)
    assert time.process_time() - begun < 0.3


def test_of_the_first_items_of_a_file_only_what_is_certain_is_said() -> None:
    found = metric(30, 40, 100, is_random=False)
    # Of the 60 others all may be wrong, or all right.
    assert (found.split_interval.low, found.split_interval.high) == (0.3, 0.9)
    assert (found.value, found.interval) == (0.75, None)
    # In whatever order: all items are all items.
    assert metric(30, 100, 100, is_random=False) == metric(30, 100, 100)
