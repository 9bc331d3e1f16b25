"""Confidence sequences: intervals of a finite population's total that are valid at every look.

Items are drawn without replacement, each with a known probability. A value divided by that
probability is an unbiased estimate of what all undrawn items add up to, so that for every total a
bet against it is fair if it is the true one. Totals whose bets have won too much are excluded
(Waudby-Smith and Ramdas 2024, JRSS B 86:1, and 2020, NeurIPS 33, for sampling without replacement;
Shekhar et al. 2023, UAI, for unequal probabilities).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from edgeval.stats.intervals import LEVEL

Float64 = npt.NDArray[np.float64]

_MOST_STAKED = 0.9999
"""Share of the capital that a bet can lose at most: after the worst outcome some is left."""

_WHOLE = 2e-6
"""Share of a bound by which it is found at the most: a whole total that near is not excluded."""

_ROUNDING = 1e-9
"""Share of an estimate by which rounding may put it beside what is exactly so."""


@dataclass(frozen=True)
class Draws:
    """Items drawn one after the other. Arrays have one float64 an item.

    Attributes:
        values: What each item turned out to be.
        estimates: Its value divided by the probability that it was drawn with, given those before.
        lowest: The least estimate that the draw could have given.
        highest: The greatest.
        variances: The predicted variance of the estimate; how much it counts in the mean.
    """

    values: Float64
    estimates: Float64
    lowest: Float64
    highest: Float64
    variances: Float64


@dataclass(frozen=True)
class Bets:
    """How much is bet on the total being above what is tested, and on it being below.

    Both are chosen before the items are seen; see ``growth_optimal``.
    """

    above: float
    below: float


class ConfidenceSequence:
    """An interval of a population's total that shrinks as items are drawn.

    With probability ``level`` it holds the true total after every item at once, however the
    probabilities and bets were chosen from what was seen before, and whenever drawing is stopped.

    Attributes:
        size: Number of items in the population.
        n: Number of items drawn.
        seen: Sum of their values.
        low: Lower end of the interval of the total.
        high: Upper end.
    """

    def __init__(self, size: int, lowest: float, highest: float, level: float = LEVEL) -> None:
        """Begin with nothing drawn.

        Args:
            size: Number of items in the population.
            lowest: The least value that an item can have.
            highest: The greatest.
            level: Probability that all intervals hold the total.
        """
        self.size = size
        self.n = 0
        self.seen = 0.0
        self.low, self.high = lowest * size, highest * size
        self.level = level
        self._above, self._below = _Capital(), _Capital()
        self._estimates: list[float] = []
        self._weights: list[float] = []

    @property
    def threshold(self) -> float:
        """Logarithm of the capital at which a total is excluded, on either side."""
        return math.log(2 / (1 - self.level))

    @property
    def estimate(self) -> float:
        """The estimated total, inside the interval.

        The mean of each draw's estimate of the whole, weighted by the inverse of its predicted
        variance; with equal probabilities it is the mean of the items (Des Raj 1956, JASA 51:269).
        """
        if self.n == self.size or not self._weights:
            return min(max(self.seen, self.low), self.high)
        mean = float(np.average(self._estimates, weights=self._weights))
        return min(max(mean, self.low), self.high)

    @property
    def means(self) -> tuple[float, float, float]:
        """The estimated mean of the items, and the lower and upper end of its interval.

        Values of items are whole numbers, and so is their total: the ends are of those that the
        interval holds.
        """
        low = math.ceil(self.low - _WHOLE * max(1.0, abs(self.low)))
        high = math.floor(self.high + _WHOLE * max(1.0, abs(self.high)))
        return min(max(self.estimate, low), high) / self.size, low / self.size, high / self.size

    def capital(self, total: float) -> tuple[float, float]:
        """Return the logarithms of what bets against a total have made of one unit.

        Returns:
            For bets that the total is above this one, and for bets that it is below.
        """
        return self._above.log_wealth(total), self._below.log_wealth(-total)

    def add(self, draws: Draws, bets: Bets, certain: tuple[float, float]) -> None:
        """Take in drawn items and narrow the interval.

        Args:
            draws: The items, in the order in which they were drawn.
            bets: What was bet on them.
            certain: Between which the total must lie after them, whatever the undrawn items are.
        """
        before = self.seen + np.concatenate([[0.0], np.cumsum(draws.values)[:-1]])
        self._above.add(draws.estimates, before, draws.lowest, bets.above)
        self._below.add(-draws.estimates, -before, -draws.highest, bets.below)
        self._estimates.extend((before + draws.estimates).tolist())
        # The last item of a population is known before it is drawn: its estimate has no variance.
        self._weights.extend((1 / np.maximum(draws.variances, 1e-9)).tolist())
        self.n += len(draws.values)
        self.seen += float(draws.values.sum())
        # If bets have excluded all totals that are possible still, which happens only where they
        # have excluded the true one, the nearest of those is left.
        least, most = certain
        self.low = min(max(self.low, least), most)
        self.high = max(min(self.high, most), least)
        if self.low < self.high:
            self.low = self._above.bound(self.low, self.high, self.threshold)
            self.high = -self._below.bound(-self.high, -self.low, self.threshold)


class _Capital:
    """What bets that the total is above others have made of one unit, for every total."""

    def __init__(self) -> None:
        nothing = np.empty(0)
        self._estimates, self._before, self._lowest, self._bets = (nothing,) * 4

    def add(self, estimates: Float64, before: Float64, lowest: Float64, bet: float) -> None:
        self._estimates = np.concatenate([self._estimates, estimates])
        self._before = np.concatenate([self._before, before])
        self._lowest = np.concatenate([self._lowest, lowest])
        self._bets = np.concatenate([self._bets, np.full(len(estimates), bet)])

    def log_wealth(self, total: float) -> float:
        """Return the logarithm of the capital against a total: less for greater ones.

        It does not grow with the total, because no bet depends on it but where more would be lost
        than there is; so all totals up to an excluded one are excluded.
        """
        rest = total - self._before
        room = rest - self._lowest
        if (room < -_ROUNDING * np.maximum(1.0, np.abs(self._lowest))).any():
            return math.inf
        room = np.maximum(room, 0.0)
        with np.errstate(divide="ignore"):
            bets = np.minimum(self._bets, _MOST_STAKED / room)
        return float(np.log1p(bets * (self._estimates - rest), where=bets > 0, out=0 * bets).sum())

    def bound(self, low: float, high: float, threshold: float) -> float:
        """Return the least total between two that is not excluded."""
        if self.log_wealth(low) < threshold:
            return low
        if self.log_wealth(high) >= threshold:
            return high
        while high - low > 1e-6 * max(1.0, abs(low), abs(high)):
            middle = (low + high) / 2
            if self.log_wealth(middle) < threshold:
                high = middle
            else:
                low = middle
        return low


def growth_optimal(gains: Float64, probabilities: Float64) -> tuple[float, float]:
    """Return the bet under which capital is predicted to grow fastest (Kelly 1956).

    Args:
        gains: For each outcome, what a bet of one unit wins; shape (n_outcomes,), float64.
        probabilities: The predicted probability of each outcome, same shape.

    Returns:
        The bet, zero where no gain is predicted, and the predicted growth of the logarithm.
    """
    kept = probabilities > 0
    gains, probabilities = gains[kept], probabilities[kept]
    worst = -float(gains.min())
    predicted = probabilities * gains

    def slope(bet: float) -> float:
        return float(predicted @ (1 / (1 + bet * gains)))

    # The slope itself is asked: a sum in another order may round to the other side of zero. A loss
    # that is nothing but rounding beside the gains is none: what cannot lose is known already.
    if slope(0.0) <= 0 or worst <= _ROUNDING * float(np.abs(gains).max()):
        return 0.0, 0.0
    most = _MOST_STAKED / worst
    bet = most if slope(most) >= 0 else float(brentq(slope, 0.0, most, rtol=1e-6))
    return bet, float(probabilities @ np.log1p(bet * gains))
