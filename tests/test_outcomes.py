"""What is said of a ladder: four outcomes, all of them together, whatever the number of items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_example import example_report

from edgeval.paired import (
    POWER,
    bonett_price,
    error_of,
    judged,
    limit_items,
    outcome,
    stopped,
    unknown,
)
from edgeval.records import Drift, Interval, SplitDifference, Stopping
from edgeval.split_difference import bounds

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


# Holm's step-down


def test_types_that_are_decided_are_set_aside() -> None:
    counts = [(0, 0, 2000), (2, 3, 2000), (10, 300, 2000), (26, 32, 2000)]
    ladder = judged([compared(*each) for each in counts], 10_042, 1.0)
    alone_at = [bounds(*each, 10_042, error_of(4)) for each in counts]
    assert [each.split.outcome for each in ladder][:3] == ["equivalent", "equivalent", "worse"]
    # The last is judged by itself: with a quarter of the error it would be open.
    assert outcome(alone_at[3], 100) == "open"
    assert ladder[3].split.outcome == outcome(bounds(*counts[3], 10_042, error_of(1)), 100)
    for found, (low, high) in list(zip(ladder, alone_at, strict=True))[:3]:
        interval = found.split.interval_points
        assert (interval.low, interval.high) == pytest.approx(
            (100 * low / 10_042, 100 * high / 10_042)
        )
    assert {each.split.n_compared for each in ladder} == {4}


def test_what_a_later_step_shows_is_all_that_the_interval_says() -> None:
    ladder = judged([compared(0, 0, 2000), compared(26, 32, 2000)], 10_042, 1.0)
    found = ladder[1].split
    low, high = bounds(26, 32, 2000, 10_042, error_of(2))
    assert found.outcome == "equivalent"
    # The interval at half the error reaches beyond the margin, and is cut there.
    assert low < -100
    assert found.interval_points.low == pytest.approx(-100 * 100 / 10_042)
    assert found.interval_points.high == pytest.approx(100 * min(high, 100) / 10_042)


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


# Whole ladders, by simulation


@dataclass(frozen=True)
class Ladder:
    """Types of a split whose differences are known: (gained, lost) items of each."""

    flips: tuple[tuple[int, int], ...]
    size: int = 2000

    def effects(self, rng: np.random.Generator) -> np.ndarray:
        """Return what each type changes of each item, which types share as far as they can."""
        # An item that one type loses is likely lost by a coarser one: the first places are shared.
        order = rng.permutation(self.size)
        found = np.zeros((len(self.flips), self.size), dtype=np.int64)
        for effects, (gained, lost) in zip(found, self.flips, strict=True):
            effects[order[:lost]] = -1
            effects[order[self.size - gained :]] = 1
        return found

    def is_true(self, found: SplitDifference, index: int, limit: int) -> bool:
        gained, lost = self.flips[index]
        difference = gained - lost
        true = {
            "equivalent": abs(difference) <= limit,
            "worse": difference < -limit,
            "different": (difference > 0) == (found.interval_points.low > 0) and difference != 0,
            "open": True,
        }
        return true[found.outcome] and (not found.non_inferior or difference >= -limit)


LADDERS = {
    "no difference": Ladder(((10, 10), (15, 15), (20, 20), (30, 30), (40, 40), (60, 60), (90, 90))),
    "just beyond": Ladder(((0, 21), (5, 26), (10, 31), (20, 41), (30, 51), (50, 71), (80, 101))),
    "just within": Ladder(((0, 20), (5, 25), (10, 30), (20, 40), (30, 50), (50, 70), (80, 100))),
    "one beyond, others the same": Ladder(
        ((10, 31), (15, 15), (20, 20), (30, 30), (40, 40), (60, 60), (90, 90))
    ),
    "beyond and within, and clear ones": Ladder(
        ((2, 3), (10, 31), (15, 35), (20, 20), (20, 300), (10, 400), (30, 51))
    ),
    "as ladders are": Ladder(((4, 4), (7, 8), (14, 17), (24, 34), (34, 48), (48, 80), (82, 206))),
}


def false_ladders(ladder: Ladder, n_runs: int, n: int) -> tuple[float, float]:
    """Return how many ladders say anything false, and of those that name a type, a wrong one."""
    rng, limit = np.random.default_rng(RNG), limit_items(1.0, ladder.size)
    n_false = n_named = n_wrong = 0
    for _ in range(n_runs):
        sample = rng.permutation(ladder.size)[:n]
        effects = ladder.effects(rng)[:, sample]
        drifts = [
            compared(int((each > 0).sum()), int((each < 0).sum()), n, str(index))
            for index, each in enumerate(effects)
        ]
        found = [each.split for each in judged(drifts, ladder.size, 1.0)]
        n_false += not all(ladder.is_true(each, at, limit) for at, each in enumerate(found))
        # Files become smaller along the ladder.
        named = [index for index, each in enumerate(found) if each.non_inferior]
        if named:
            gained, lost = ladder.flips[named[-1]]
            n_named += 1
            n_wrong += gained - lost < -limit
    return n_false / n_runs, n_wrong / n_runs


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300, 438, 1000, 1800])
@pytest.mark.parametrize("name", LADDERS)
def test_at_most_5_percent_of_ladders_say_anything_false(name: str, n: int) -> None:
    n_runs = 10_000
    false, wrong = false_ladders(LADDERS[name], n_runs, n)
    print(f"{name}, {n}: {100 * false:.2f} % say anything false, {100 * wrong:.2f} % a wrong type")
    assert max(false, wrong) <= 0.05 + 2 * (0.05 * 0.95 / n_runs) ** 0.5


def test_bonett_price_is_of_new_items_alone() -> None:
    (found,) = judged([compared(4, 9, 98)], 98, 1.0)
    assert found.new_items == bonett_price(4, 9, 98)
