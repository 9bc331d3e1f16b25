"""How often a survey that looks after every block ever excludes the truth, or decides wrongly.

Every run is followed to its last item, past the look at which it could have stopped: what is
excluded at any look counts. Stopping changes nothing of what was seen before, so the first look
that decides is the one at which the survey would have stopped. ``-rP`` prints what was counted.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeval.stats.samplers import RandomSampler, Sampler
from edgeval.stats.stopping_rules import PrecisionRule, RangeRule, StoppingRule
from edgeval.stats.weighted_sampler import WeightedSampler

N_RUNS = 10_000
MOST = 0.05
CHUNK = 500
SIZE, BLOCK = 400, 80
WEIGHTED_SIZE, WEIGHTED_BLOCK = 200, 50


@dataclass(frozen=True)
class Undecided:
    """Bets as a statement wants, and never stops."""

    statement: StoppingRule

    def is_decided(self, low: float, high: float) -> bool:
        return False

    def to_exclude(self, *means: float) -> tuple[float, float]:
        return self.statement.to_exclude(*means)


@dataclass(frozen=True)
class Simple:
    """A population of which so many items have each outcome, in random order."""

    outcomes: tuple[int, ...]
    counts: tuple[int, ...]
    statement: StoppingRule

    @property
    def values(self) -> NDArray[np.int64]:
        return np.repeat(self.outcomes, self.counts)

    def survey(self, seed: int) -> Sampler:
        size = sum(self.counts)
        order = np.random.default_rng(seed).permutation(size).tolist()
        return RandomSampler(order, size, self.outcomes, Undecided(self.statement), block=BLOCK)

    def changes(self, places: list[int]) -> list[float]:
        return []


@dataclass(frozen=True)
class Weighted:
    """A population whose flips are among the items of small margin, or of large ones.

    Margins change by a twentieth of their spread, and most flips are where that changes the sign;
    the adversary flips as many items of the largest margins instead, and changes no margin more.
    """

    statement: StoppingRule
    is_adversarial: bool = False
    is_all_right: bool = False
    n_first: int = 0

    @property
    def margins(self) -> NDArray[np.float64]:
        margins = np.random.default_rng(1).normal(0.3, 1.0, WEIGHTED_SIZE)
        return np.abs(margins) if self.is_all_right else margins

    @property
    def shifts(self) -> NDArray[np.float64]:
        return np.random.default_rng(3).normal(0.0, 0.05, WEIGHTED_SIZE)

    @property
    def values(self) -> NDArray[np.int64]:
        before = self.margins >= 0
        flips = (self.margins + self.shifts >= 0) != before
        if self.is_adversarial:
            largest = np.argsort(-np.abs(self.margins))[:7]
            flips = np.isin(np.arange(WEIGHTED_SIZE), largest)
        return np.where(flips, np.where(before, -1, 1), 0)

    def survey(self, seed: int) -> Sampler:
        order = np.random.default_rng([seed, 1]).permutation(WEIGHTED_SIZE)
        return WeightedSampler(
            self.margins,
            self.margins >= 0,
            Undecided(self.statement),
            seed,
            first=order[: self.n_first].tolist(),
            block=WEIGHTED_BLOCK,
        )

    def changes(self, places: list[int]) -> list[float]:
        return self.shifts[places].tolist()


Case = Simple | Weighted


def says(statement: StoppingRule, low: float, high: float, truth: float) -> bool:
    """Return whether what an interval decides is so."""
    if isinstance(statement, RangeRule):
        inside = statement.low <= low and high <= statement.high
        return inside == (statement.low <= truth <= statement.high)
    return low <= truth <= high


def run(case: Case, seed: int) -> tuple[bool, bool]:
    """Return whether a survey ever excludes the truth, and whether it decides wrongly."""
    values = case.values
    survey = case.survey(seed)
    found, truth = survey.sequence, int(values.sum())
    is_missed, is_right = False, None
    while not survey.is_over:
        places = survey.next_block()
        survey.add(values[places].tolist(), case.changes(places))
        is_missed |= not found.low <= truth <= found.high
        low, high, mean = (each / found.size for each in (found.low, found.high, truth))
        if is_right is None and case.statement.is_decided(low, high):
            is_right = says(case.statement, low, high, mean)
    assert found.n == found.size
    assert is_right is not None
    return is_missed, not is_right


def count(case: Case, seeds: range) -> NDArray[np.int64]:
    return np.array([run(case, seed) for seed in seeds]).sum(axis=0)


def differences(n_flips: int, share: float, statement: StoppingRule) -> Simple:
    gained = round(n_flips * share)
    return Simple((-1, 0, 1), (n_flips - gained, SIZE - n_flips, gained), statement)


POINT = RangeRule(-0.01, 0.01)
CASES: dict[str, Case] = {
    **{
        f"accuracy {p}": Simple(
            (0, 1), (SIZE - round(p * SIZE), round(p * SIZE)), RangeRule(p - 0.05, p + 0.05)
        )
        for p in (0.25, 0.59, 0.9)
    },
    "accuracy 0.59, known": Simple((0, 1), (164, 236), PrecisionRule(0.05)),
    **{
        f"{100 * flips / SIZE:g} % flips {kind}": differences(flips, share, POINT)
        for flips in (2, 8, 40)
        for kind, share in (("1:1", 0.5), ("1:0", 0.0))
    },
    "2 % flips 1:0, known": differences(8, 0.0, PrecisionRule(0.01)),
    "1.25 % flips 1:0, just outside": differences(5, 0.0, POINT),
    "weighted, by margin": Weighted(POINT),
    "weighted, at large margins": Weighted(POINT, is_adversarial=True),
    "weighted, all right": Weighted(POINT, is_all_right=True),
    "weighted, known, after a first block": Weighted(PrecisionRule(0.01), n_first=WEIGHTED_BLOCK),
}


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_truth_is_excluded_at_any_look_in_at_most_5_percent(
    name: str, executor: Executor
) -> None:
    seeds = [range(first, first + CHUNK) for first in range(0, N_RUNS, CHUNK)]
    missed, wrong = sum(executor.map(partial(count, CASES[name]), seeds)) / N_RUNS
    print(f"{name}: excluded {100 * missed:.2f} %, wrong {100 * wrong:.2f} % of {N_RUNS:,}")
    assert missed <= MOST
    assert wrong <= MOST


@pytest.mark.parametrize("name", CASES)
def test_a_survey_ends_at_the_truth(name: str) -> None:
    case = CASES[name]
    survey, values = case.survey(0), case.values
    while not survey.is_over:
        places = survey.next_block()
        survey.add(values[places].tolist(), case.changes(places))
    assert survey.sequence.low == survey.sequence.high == values.sum()
