"""Split difference: what the flips of a sample say of the whole split, exactly.

Of the split's ``N`` items ``G`` are gained, ``L`` lost and the others alike; a sample of ``n``
holds ``g`` and ``l`` of those with a multivariate hypergeometric probability. A difference
``G - L`` is excluded if a sample that speaks at least as much against it has at most the stated
probability, whatever the number of flips ``G + L`` is that the sample leaves possible: an
unconditional exact test, with the nuisance parameter held to a confidence set (Berger and Boos
1994, JASA 89:1012). How much a sample speaks against a difference is told by the score statistic of
Tango (1998, Statistics in Medicine 17:891), whose distribution is nearly the same for every number
of flips.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeval.stats import hypergeometric

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_BEYOND: Final = 1e-4
"""Probability that the number of flips in the split is outside those that are looked at; each
p-value is larger by as much."""
_MOST_TRIED: Final = 9
"""Numbers of flips that are looked at first: about a standard error of theirs apart."""
_FAR: Final = 0.8
"""Where the greatest probability of these is below so much of the allowed one, no number between
them comes near it, since the probability changes smoothly; otherwise the greatest is looked for."""
_DEVIATIONS: Final = 6.0
"""Counts further from their mean than so many standard deviations are as good as impossible."""
_TIED: Final = 1e-9


@functools.lru_cache(maxsize=65536)
def bounds(gained: int, lost: int, total: int, population: int, error: float) -> tuple[int, int]:
    """Return the least and the greatest difference of the split that a sample leaves possible.

    Args:
        gained: Items of the sample that only the compared model has right.
        lost: Items of the sample that only the reference has right.
        total: Number of items in the sample, drawn at random without replacement.
        population: Number of items in the split.
        error: Probability, at most, with which each of the two excludes the true difference.

    Returns:
        Gained minus lost, in items of the split.
    """
    return (
        _least(gained, lost, total, population, error),
        -_least(lost, gained, total, population, error),
    )


def fewest_items(population: int, limit: int, error: float) -> int:
    """Return the least number of items that show a difference within a limit, if none flips.

    Args:
        population: Number of items in the split.
        limit: The greatest difference that is still within, in items of the split.
        error: Probability, at most, with which it is wrongly shown, on either side.
    """
    return _first(population, lambda n: bounds(0, 0, n, population, error)[1] <= limit)


def _first(last: int, is_enough: Callable[[int], bool]) -> int:
    """Return the first number from 1 to ``last`` that is enough, if the last one is."""
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _least(gained: int, lost: int, total: int, population: int, error: float) -> int:
    """Return the least difference that is not excluded."""
    sample = _Sample(gained, lost, total, population)
    certain = gained - lost - (population - total)
    high = (gained - lost) * population // total
    low, step = high, max(1, round(sample.deviation))
    while low >= certain and not sample.excludes(low, error):
        high, low = low, low - step
    low = max(low, certain - 1)
    # Those below ``low`` are excluded, and ``high`` is not.
    while high - low > 1:
        middle = (low + high) // 2
        if sample.excludes(middle, error):
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True)
class _Sample:
    """Flips of a sample, and what they say of a split."""

    gained: int
    lost: int
    total: int
    population: int

    @property
    def deviation(self) -> float:
        """About the standard error of the difference, in items of the split."""
        n, size = self.total, self.population
        unseen = (size - n) / max(1, size - 1)
        return size * math.sqrt((self.gained + self.lost + 1) * unseen) / n

    @functools.cached_property
    def flips(self) -> tuple[int, int]:
        """The least and the most flips that the split has, but with a negligible probability."""
        seen, n, size = self.gained + self.lost, self.total, self.population
        rest = size - n

        def is_possible_above(more: int) -> bool:
            return hypergeometric.at_most(seen, seen + more, n, size) <= _BEYOND / 2

        def is_possible_below(more: int) -> bool:
            return hypergeometric.at_least(seen, seen + more, n, size) > _BEYOND / 2

        least = (
            seen if rest == 0 or is_possible_below(0) else seen + _first(rest, is_possible_below)
        )
        most = seen + rest
        if rest and is_possible_above(rest):
            most = seen + _first(rest, is_possible_above) - 1
        return least, most

    def excludes(self, difference: int, error: float) -> bool:
        """Return whether it excludes that the split's difference is this or less."""
        if difference * self.total >= (self.gained - self.lost) * self.population:
            return False
        most, tried = error - _BEYOND, self._tried(difference)
        if most <= 0 or not tried:
            return most > 0
        ups, downs = self._as_far(difference, tried)

        @functools.cache
        def chance(flips: int) -> float:
            return self._chance(ups, downs, (flips + difference) // 2, (flips - difference) // 2)

        # From the middle: where nothing is excluded, the first number shows it as a rule.
        for flips in sorted(tried, key=lambda each: abs(each - tried[len(tried) // 2])):
            if chance(flips) > most:
                return False
        best = max(range(len(tried)), key=lambda at: chance(tried[at]))
        if chance(tried[best]) < _FAR * most:
            return True
        around = tried[max(0, best - 1)], tried[min(len(tried) - 1, best + 1)]
        return _greatest(chance, *around) <= most

    def _tried(self, difference: int) -> list[int]:
        """Return some numbers of flips, of those that are possible, from the least to the most."""
        least, most = self.flips
        least = max(least, abs(difference))
        possible = range(least + (least - difference) % 2, most + 1, 2)
        if len(possible) <= _MOST_TRIED:
            return list(possible)
        step = (len(possible) - 1) / (_MOST_TRIED - 1)
        return [possible[round(step * at)] for at in range(_MOST_TRIED)]

    def _as_far(self, difference: int, tried: Sequence[int]) -> tuple[Int64, Int64]:
        """Return gained and lost items of all likely samples that speak as much against it."""
        n, size = self.total, self.population
        least, most = tried[0], tried[-1]
        ups = _likely((least + difference) // 2, (most + difference) // 2, n, size)[:, np.newaxis]
        downs = _likely((least - difference) // 2, (most - difference) // 2, n, size)[np.newaxis, :]
        share = difference / size
        value = float(score(_float(self.gained), _float(self.lost), n, share)) - _TIED
        at = np.nonzero((ups + downs <= n) & (score(_float(ups), _float(downs), n, share) >= value))
        return ups[at[0], 0], downs[0, at[1]]

    def _chance(self, ups: Int64, downs: Int64, gained: int, lost: int) -> float:
        """Return the probability of some samples of a split with these flips."""
        n, size = self.total, self.population
        others, alike = size - gained - lost, n - ups - downs
        is_possible = (ups <= gained) & (downs <= lost) & (alike <= others)
        ups, downs, alike = ups[is_possible], downs[is_possible], alike[is_possible]
        table = _log_factorials(size)
        logs = (
            _log_choose(table, gained, ups)
            + _log_choose(table, lost, downs)
            + _log_choose(table, others, alike)
            - hypergeometric.log_choose(size, n)
        )
        return float(np.exp(logs).sum())


def score(gained: Float64, lost: Float64, total: int, share: float) -> Float64:
    """Return Tango's score statistic: how far the difference of samples is above a share.

    The variance is that of the most likely shares of gained and lost items with the difference
    ``share``: the larger root of ``2 n q² - b q - n a d (1 - d) = 0`` for the smaller of the two.

    Args:
        gained: Counts of gained items, of any shape, float64.
        lost: Counts of lost items, of the same shape or one that goes with it.
        total: Number of items of each sample.
        share: Gained minus lost in the population, as a share of its items.

    Returns:
        In standard errors, of the joint shape; 0 where nothing varies.
    """
    fewer, more, apart = (lost, gained, share) if share > 0 else (gained, lost, -share)
    linear = fewer + more - apart * (2 * total + fewer - more)
    root = np.sqrt(linear**2 + 8 * total * fewer * apart * (1 - apart))
    rarer = np.maximum((linear + root) / (4 * total), 0.0)
    variance = total * (2 * rarer + apart * (1 - apart))
    distance = gained - lost - total * share
    found: Float64 = distance / np.sqrt(np.where(variance > 0, variance, np.inf))
    return found


def _greatest(chance: Callable[[int], float], low: int, high: int) -> float:
    """Return the greatest value at every second number from one to another, of a single peak."""
    while high - low > 4:
        third = 2 * ((high - low) // 6)
        left, right = low + third, high - third
        if chance(left) < chance(right):
            low = left
        else:
            high = right
    return max(map(chance, range(low, high + 1, 2)))


def _likely(fewest: int, most: int, drawn: int, population: int) -> Int64:
    """Return the counts that a sample is likely to hold of so many marked items, ascending."""
    unseen = (population - drawn) / max(1, population - 1)

    def ends(marked: int) -> tuple[int, int]:
        least, greatest = hypergeometric.support(marked, drawn, population)
        mean = drawn * marked / population
        half = _DEVIATIONS * math.sqrt(mean * (1 - marked / population) * unseen) + 3
        return max(least, math.floor(mean - half)), min(greatest, math.ceil(mean + half))

    return np.arange(ends(fewest)[0], ends(most)[1] + 1)


def _log_factorials(n: int) -> Float64:
    return np.frombuffer(hypergeometric.log_factorials(n), np.float64)


def _log_choose(table: Float64, n: int, k: Int64) -> Float64:
    found: Float64 = table[n] - table[k] - table[n - k]
    return found


def _float(values: npt.ArrayLike) -> Float64:
    return np.asarray(values, dtype=np.float64)
