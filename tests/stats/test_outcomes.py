"""What is said of a ladder: four outcomes, all of them together, whatever the number of items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.records import Drift, Interval, SplitDifference, Stopping
from edgeval.stats.intervals import bonett_price
from edgeval.stats.ladder_test import error_of
from edgeval.stats.paired import POWER, judged, limit_items, outcome, stopped, unknown
from edgeval.stats.split_difference import bounds
from tests.helpers.reports import example_report

RNG = 20_261_126
ANY = example_report(status=None).drift[0]


def compared(gained: int, lost: int, n: int, name: str = "Q4_0") -> Drift:
    """Return a comparison of which only the counts matter."""
    update = {
        "type": name,
        "n_items": n,
        "wrong_to_right": gained,
        "right_to_wrong": lost,
        "split": unknown(1.0),
    }
    return ANY.model_copy(update=update)


def alone(gained: int, lost: int, n: int, population: int, margin: float = 1.0) -> SplitDifference:
    (found,) = judged([compared(gained, lost, n)], population, margin)
    return found.split


@pytest.mark.parametrize(
    ("gained", "lost", "n", "population", "expected"),
    [
        (10, 10, 5_000, 10_042, ("equivalent", True)),
        (5, 30, 9_000, 10_042, ("equivalent", True)),  # not zero, and within the margin
        (10, 110, 5_000, 10_042, ("worse", False)),
        (110, 10, 5_000, 10_042, ("different", True)),  # better, which is no reproach
        (20, 20, 500, 10_042, ("open", False)),
        (10, 40, 2_000, 10_042, ("different", False)),
        (10, 6, 1_000, 10_042, ("open", True)),  # at most a point worse, and perhaps better
        (10, 0, 1_000, 1_000, ("equivalent", True)),  # just one point
        (0, 10, 1_000, 1_000, ("equivalent", True)),
        (0, 11, 1_000, 1_000, ("worse", False)),
        (11, 0, 1_000, 1_000, ("different", True)),
        (0, 0, 1_000, 1_000, ("equivalent", True)),
    ],
)
def test_each_outcome(
    gained: int, lost: int, n: int, population: int, expected: tuple[str, bool]
) -> None:
    found = alone(gained, lost, n, population)
    assert (found.outcome, found.non_inferior) == expected
    low, high = bounds(gained, lost, n, population, 0.025)
    assert found.interval_points.low == pytest.approx(100 * low / population)
    assert found.interval_points.high == pytest.approx(100 * high / population)
    is_decided = expected[0] in ("equivalent", "worse") or n == population
    assert (found.items_for_power is None) == (is_decided or 100 * low > population)


@pytest.mark.parametrize("population", [*range(20, 310, 7), 10_042])
def test_exactly_at_the_margin_is_within_it_on_both_sides(population: int) -> None:
    for margin in (0.5, 1.0, 2.5):
        limit = limit_items(margin, population)
        assert limit <= margin * population / 100 + 1e-9 < limit + 1 + 1e-9
        for gained, lost in [(limit, 0), (0, limit)]:
            found = alone(gained, lost, population, population, margin)
            assert (found.outcome, found.non_inferior) == ("equivalent", True)
        assert alone(0, limit + 1, population, population, margin).outcome == "worse"
        assert alone(limit + 1, 0, population, population, margin).outcome == "different"


@given(st.integers(-50, 50), st.integers(0, 40), st.integers(0, 20))
def test_an_outcome_is_true_of_all_that_the_interval_holds(
    low: int, width: int, limit: int
) -> None:
    said = outcome((low, low + width), limit)
    holds = range(low, low + width + 1)
    if said == "equivalent":
        assert all(abs(each) <= limit for each in holds)
    elif said == "worse":
        assert all(each < -limit for each in holds)
    elif said == "different":
        assert 0 not in holds
    else:
        assert 0 in holds


def test_only_what_is_certain_is_said_of_the_first_items_of_a_file() -> None:
    (found,) = judged([compared(3, 40, 400)], 1000, 1.0, is_random=False)
    interval = found.split.interval_points
    assert (interval.low, interval.high) == pytest.approx((-63.7, 56.3))
    assert found.split.outcome == "open"
    assert found.split.items_for_power is None
    (found,) = judged([compared(0, 40, 990)], 1000, 1.0, is_random=False)
    assert found.split.outcome == "worse"


# All types together


def ladder(*counts: tuple[int, int, int], sizes: tuple[int, ...] = ()) -> list[SplitDifference]:
    drifts = [compared(*each) for each in counts]
    return [each.split for each in judged(drifts, 10_042, 1.0, file_bytes=sizes)]


def low(counts: tuple[int, int, int], share: float) -> int:
    return bounds(*counts, 10_042, 0.025 * share)[0]


def high(counts: tuple[int, int, int], share: float) -> int:
    return bounds(*counts, 10_042, 0.025 * share)[1]


def test_intervals_have_an_equal_share_of_the_error_within_what_is_shown() -> None:
    counts = [(0, 0, 2000), (22, 28, 2000), (10, 300, 2000), (30, 45, 2000)]
    types = ladder(*counts)
    assert [each.outcome for each in types] == ["equivalent", "equivalent", "worse", "open"]
    for found, each in zip(types, counts, strict=True):
        least, most = bounds(*each, 10_042, error_of(4))
        interval = found.interval_points
        shown = {"equivalent": (-100, 100), "worse": (least, -101), "open": (least, most)}
        cut = shown[found.outcome]
        expected = max(least, cut[0]), min(most, cut[1])
        assert (interval.low, interval.high) == pytest.approx(
            tuple(100 * end / 10_042 for end in expected)
        )
        assert found.n_compared == 4
    # By itself the second one's reaches beyond the margin.
    assert low(counts[1], 1 / 4) < -100


CLOSE, CLEAR, WORSE = (22, 28, 2000), (3, 3, 2000), (10, 60, 2000)


def test_what_is_no_worse_hands_its_share_to_the_next_smaller_file() -> None:
    # The largest of three has half of the error, and each other a quarter.
    assert low(CLOSE, 1 / 4) < low(CLOSE, 1 / 2) < -100 <= low(CLOSE, 3 / 4)
    assert [each.non_inferior for each in ladder(CLOSE, CLEAR, CLEAR)] == [False, True, True]
    assert [each.non_inferior for each in ladder(CLEAR, CLOSE, CLEAR)] == [True, True, True]
    assert [each.non_inferior for each in ladder(WORSE, CLOSE, CLEAR)] == [False, False, True]


def test_the_order_is_that_of_the_files_sizes() -> None:
    by_size = ladder(CLEAR, CLOSE, sizes=(10, 20))
    assert by_size == ladder(CLOSE, CLEAR)[::-1]


def test_one_unlucky_type_does_not_silence_the_rest() -> None:
    found = ladder(WORSE, CLEAR)
    assert [each.non_inferior for each in found] == [False, True]


def test_types_that_are_worse_are_set_aside() -> None:
    # With all of the error it is worse, with half of it just below the reference.
    beside = (9, 42, 2000)
    assert high(beside, 1) < -100 <= high(beside, 1 / 2) < 0
    assert [each.outcome for each in ladder((0, 300, 2000), beside)] == ["worse", "worse"]
    assert [each.outcome for each in ladder(CLEAR, beside)] == ["equivalent", "different"]


def test_above_zero_is_said_only_where_every_type_is_no_worse() -> None:
    better = (60, 10, 2000)
    assert ladder(better)[0].outcome == "different"
    assert [each.outcome for each in ladder(better, CLEAR)] == ["different", "equivalent"]
    beside = ladder(better, WORSE)[0]
    assert (beside.outcome, beside.non_inferior) == ("open", True)


def test_types_that_were_counted_take_no_part_of_the_error() -> None:
    counted, sampled = compared(1, 2, 10_042), compared(26, 32, 2000)
    (_, beside), (by_itself,) = (
        judged([counted, sampled], 10_042, 1.0),
        judged([sampled], 10_042, 1.0),
    )
    assert beside.split == by_itself.split


def test_the_margin_decides() -> None:
    assert alone(10, 18, 1000, 1000, 1.0).outcome == "equivalent"
    assert alone(10, 18, 1000, 1000, 0.5).outcome == "worse"
    assert alone(10, 18, 1000, 1000, 0.8).outcome == "equivalent"


def test_an_interval_that_stopping_early_gave_is_kept() -> None:
    stopping = Stopping(points=1.0, is_decided=True, design="weighted", n_items=300, n_compared=3)
    interval = Interval(low=-0.9, high=0.4, level=0.95)
    found = stopped(compared(3, 5, 300), stopping, -0.2, interval)
    (found,) = judged([found], 1000, 1.0)
    assert found.split.outcome == "equivalent"
    assert (found.split.interval_points.low, found.split.n_compared) == (pytest.approx(-0.9), 3)
    assert (found.new_items, found.mcnemar_p, found.mcnemar_p_holm) == (None, None, None)


# Power


@pytest.mark.parametrize(("lost", "gained"), [(4, 4), (12, 10)])
def test_as_many_items_show_it_as_often_as_is_said(lost: int, gained: int) -> None:
    found = alone(gained, lost, 400, 10_042)
    n = found.items_for_power
    assert n is not None
    flips = round((lost + gained + 1) / 402 * 10_042 / 2)
    rng = np.random.default_rng(RNG)
    draws = rng.multivariate_hypergeometric([flips, flips, 10_042 - 2 * flips], n, size=120)
    shown = [outcome(bounds(int(g), int(b), n, 10_042, 0.025), 100) for g, b, _ in draws]
    assert shown.count("equivalent") / 120 == pytest.approx(POWER, abs=0.1)


def test_bonett_price_is_of_new_items_alone() -> None:
    (found,) = judged([compared(4, 9, 98)], 98, 1.0)
    assert found.new_items == bonett_price(4, 9, 98)
