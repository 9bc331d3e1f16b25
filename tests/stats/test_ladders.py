"""How often what is said of whole ladders is false: simulated, with items that types share."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeval.records import Drift
from edgeval.stats import split_difference
from edgeval.stats.ladder_test import error_of
from edgeval.stats.paired import is_decided, judged, limit_items, unknown, whole
from edgeval.stats.stopping_rules import RangeRule
from edgeval.stats.weighted_sampler import WeightedSampler
from tests.helpers.reports import example_report

MOST, CHUNK = 0.05, 250
ANY = example_report(status=None).drift[0]

Counts = tuple[int, int, int]
Said = tuple[str, bool]


@dataclass(frozen=True)
class Ladder:
    """Types of a split: how many of its items each gains and loses, the largest file first."""

    flips: tuple[tuple[int, int], ...]
    size: int = 2000

    @property
    def limit(self) -> int:
        return limit_items(1.0, self.size)

    def sample(self, rng: np.random.Generator, n: int) -> list[Counts]:
        """Return what types gain and lose of a sample.

        An item that one type loses is lost by those that lose more, too, and likewise of gained
        ones: so they depend on each other as much as they can.
        """
        places = rng.permutation(self.size)[:n]
        return [
            (int((places >= self.size - gained).sum()), int((places < lost).sum()), n)
            for gained, lost in self.flips
        ]

    def is_false(self, said: Said, index: int, is_above: bool) -> bool:
        """Return whether anything is false of what is said of a type."""
        outcome, is_no_worse = said
        gained, lost = self.flips[index]
        difference = gained - lost
        is_true = {
            "equivalent": abs(difference) <= self.limit,
            "worse": difference < -self.limit,
            "different": difference > 0 if is_above else difference < 0,
            "open": True,
        }
        return not is_true[outcome] or (is_no_worse and difference < -self.limit)


LADDERS = {
    "no difference": Ladder(((10, 10), (15, 15), (20, 20), (30, 30), (40, 40), (60, 60), (90, 90))),
    "all just beyond": Ladder(
        ((0, 21), (5, 26), (10, 31), (20, 41), (30, 51), (50, 71), (80, 101))
    ),
    "all just within": Ladder(
        ((0, 20), (5, 25), (10, 30), (20, 40), (30, 50), (50, 70), (80, 100))
    ),
    "the first just beyond, others the same": Ladder(
        ((10, 31), (15, 15), (20, 20), (30, 30), (40, 40), (60, 60), (90, 90))
    ),
    "on both sides of the margin, and clear ones": Ladder(
        ((2, 3), (10, 31), (15, 35), (20, 20), (20, 300), (10, 400), (30, 51))
    ),
    "as ladders are": Ladder(((4, 4), (7, 8), (14, 17), (24, 34), (34, 48), (48, 80), (82, 206))),
}


def drift_of(counts: Counts) -> Drift:
    gained, lost, n = counts
    update = {"n_items": n, "wrong_to_right": gained, "right_to_wrong": lost, "split": unknown(1.0)}
    return ANY.model_copy(update=update)


@functools.cache
def _excludes(counts: Counts, size: int, difference: int, error: float) -> bool:
    sample = split_difference._Sample(*counts, size)
    return sample.excludes(difference, error)


def said(counts: list[Counts], ladder: Ladder) -> list[tuple[Said, bool]]:
    """Return outcome, whether no worse, and whether it is above zero, of each type.

    What ``judged`` says, by questions instead of a search for the ends of intervals.
    """
    k, limit, size = len(counts), ladder.limit, ladder.size

    def is_above(at: int, difference: int, error: float) -> bool:
        return _excludes(counts[at], size, difference, error)

    def is_below(at: int, difference: int, error: float) -> bool:
        gained, lost, n = counts[at]
        return _excludes((lost, gained, n), size, -difference, error)

    no_worse, handed = set(), 0.0
    for at in range(k):
        handed += 0.0125 if at == 0 else 0.0125 / (k - 1)
        if is_above(at, -limit - 1, handed):
            no_worse.add(at)
        else:
            handed = 0.0
    left = set(range(k))
    while worse := {at for at in left if is_below(at, -limit, error_of(len(left)))}:
        left -= worse
    found: list[tuple[Said, bool]] = []
    for at in range(k):
        error = error_of(max(1, len(left)))
        positive = len(no_worse) == k and is_above(at, 0, error_of(k))
        if at not in left:
            outcome = "worse"
        elif at in no_worse and is_below(at, limit + 1, error):
            outcome = "equivalent"
        else:
            outcome = "different" if positive or is_below(at, 0, error) else "open"
        found.append(((outcome, at in no_worse), positive))
    return found


def is_missed(ladder: Ladder, counts: Counts, index: int) -> bool:
    """Return whether the interval of a type, before it is cut, misses its difference."""
    (own_gained, own_lost), (gained, lost, n) = ladder.flips[index], counts
    truth, error = own_gained - own_lost, error_of(len(ladder.flips))
    return _excludes((gained, lost, n), ladder.size, truth, error) or _excludes(
        (lost, gained, n), ladder.size, -truth, error
    )


def false_ladders(ladder: Ladder, n: int, seeds: range) -> NDArray[np.int64]:
    """Return how many ladders say anything false, name a type that is worse, or miss as well.

    The last are those that say anything false, or have an interval without its difference.
    """
    found = np.zeros(3, dtype=np.int64)
    for seed in seeds:
        counts = ladder.sample(np.random.default_rng([seed, n]), n)
        types = said(counts, ladder)
        is_false = any(
            ladder.is_false(each, at, is_above) for at, (each, is_above) in enumerate(types)
        )
        named = [at for at, ((_, is_no_worse), _) in enumerate(types) if is_no_worse]
        gained, lost = ladder.flips[named[-1]] if named else (0, 0)
        misses = any(is_missed(ladder, each, at) for at, each in enumerate(counts))
        found += [is_false, gained - lost < -ladder.limit, is_false or misses]
    return found


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as found:
        yield found


@pytest.mark.parametrize("name", LADDERS)
def test_the_simulation_says_what_the_product_says(name: str) -> None:
    ladder = LADDERS[name]
    for n in (300, 1000):
        counts = ladder.sample(np.random.default_rng(7), n)
        found = judged([drift_of(each) for each in counts], ladder.size, 1.0)
        expected = [(each.split.outcome, each.split.non_inferior) for each in found]
        assert [each for each, _ in said(counts, ladder)] == expected


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 1000])
@pytest.mark.parametrize("name", LADDERS)
def test_at_most_5_percent_of_ladders_say_anything_false(
    name: str, n: int, executor: Executor
) -> None:
    n_runs = 10_000
    seeds = [range(first, first + CHUNK) for first in range(0, n_runs, CHUNK)]
    count = partial(false_ladders, LADDERS[name], n)
    false, wrong, missed = 100 * sum(executor.map(count, seeds)) / n_runs
    print(
        f"{name}, {n}: {false:.2f} % say anything false, {wrong:.2f} % name a wrong type, "
        f"{missed:.2f} % do or have an interval that misses"
    )
    assert max(false, wrong, missed) <= 100 * MOST


# Whole runs and those that stop early


def contradictions(seeds: range) -> NDArray[np.int64]:
    """Return how many ladders that stop early say another thing than the whole split, and items.

    Each has seven types whose margins are the reference's with more and more noise, of which all
    have a part in common, and with a shift that brings some near the margin of equivalence.
    """
    size, k, limit = 400, 7, 4
    found = np.zeros(3, dtype=np.int64)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        margins = rng.normal(0.3, 1.0, size)
        common = rng.normal(0, 1, size)
        is_any = False
        for step in range(k):
            spread = 0.02 * 1.6**step
            noise = spread * (0.7 * common + 0.7 * rng.normal(0, 1, size)) - 0.3 * spread
            survey = WeightedSampler(
                margins,
                margins >= 0,
                RangeRule(-limit / size, limit / size),
                seed,
                first=rng.permutation(size)[:40].tolist(),
                block=32,
                level=1 - 2 * error_of(k),
            )
            values = (margins + noise >= 0).astype(int) - (margins >= 0).astype(int)
            truth = int(values.sum())
            while not survey.is_over:
                places = survey.next_block()
                survey.add(values[places].tolist(), noise[places].tolist())
            _, low, high = survey.sequence.means
            items = whole(low * size, high * size)
            assert is_decided(items, limit)
            is_any |= not items[0] <= truth <= items[1]
            is_any |= (items[0] >= -limit and items[1] <= limit) != (abs(truth) <= limit)
            found[1] += survey.sequence.n
            found[2] += abs(abs(truth) - limit) <= 1
        found[0] += is_any
    return found


def test_ladders_that_stop_early_say_what_the_whole_split_says() -> None:
    wrong, _, n_near = contradictions(range(10))
    assert wrong == 0
    assert n_near > 5


@pytest.mark.slow
def test_2000_ladders_that_stop_early_say_what_the_whole_split_says(executor: Executor) -> None:
    n_runs = 2000
    seeds = [range(first, first + CHUNK) for first in range(0, n_runs, CHUNK)]
    wrong, items, n_near = sum(executor.map(contradictions, seeds))
    print(f"{wrong} of {n_runs:,} ladders; {items / n_runs / 7:.0f} of 400 items a type")
    print(f"{n_near:,} of {7 * n_runs:,} types within an item of the margin")
    # Each ladder may be wrong with 5 %.
    assert wrong <= MOST * n_runs
