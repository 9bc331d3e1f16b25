"""Expected items: how many an evaluation takes that stops when it is decided.

What decides is how many items flip, which nobody knows before. It is guessed by the bits a weight;
the guesses follow what BENCHMARKS.md shows of two models ("Items that a decision takes"), and the
range is as wide as those are apart.
"""

from __future__ import annotations

import math

from edgeval.records.forecast import Range
from edgeval.stats.ladder_test import error_of

_FLIPS_AT, _AT_BITS, _HALVED_BY_BITS = 0.02, 4.8, 1.35
"""Items that flip either way at so many bits a weight, and how many bits more halve them."""
_FEWEST_FLIPS = 0.002
_LESS, _MORE = 2.5, 6.0
"""What flips may be below the guess by, and above."""
_ITEMS_A_FLIP = 5.0
"""Items that a decision takes, over the flips that there are in the margin's square."""
_COARSE_BITS = 4.0
"""Below, a type may be so far off that this is seen after a block of items."""
_FIRST_LOOK = 128


def drift_items(bits: float, points: float, n_items: int, n_compared: int) -> Range:
    """Return how many items tell whether a type is within a margin of the reference.

    Without a flip an interval that holds at every look takes ``log(1 / error) / margin`` items;
    each flip takes more.

    Args:
        bits: Bits a weight.
        points: The margin in points.
        n_items: Most items that there are.
        n_compared: Number of types whose intervals hold together.
    """
    margin = points / 100
    flips = max(_FEWEST_FLIPS, _FLIPS_AT * 2 ** ((_AT_BITS - bits) / _HALVED_BY_BITS))
    floor = math.log(1 / error_of(n_compared)) / margin

    def items(share: float) -> float:
        unlimited = floor + _ITEMS_A_FLIP * share / margin**2
        return unlimited / (1 + unlimited / n_items)

    low = _FIRST_LOOK if bits < _COARSE_BITS else items(flips / _LESS) * 0.8
    return _within(low, items(flips), items(flips * _MORE), n_items)


def accuracy_items(points: float, n_items: int) -> Range:
    """Return how many items tell an accuracy to within a margin.

    An interval that holds at every look is about 3.2 standard deviations wide on each side.

    Args:
        points: The margin in points.
        n_items: Most items that there are.
    """
    unlimited = (3.2 * 0.49 / (points / 100)) ** 2
    expected = unlimited / (1 + unlimited / n_items)
    return _within(0.7 * expected, expected, 1.3 * expected, n_items)


def _within(low: float, value: float, high: float, n_items: int) -> Range:
    low, value, high = sorted(min(float(n_items), each) for each in (low, value, high))
    return Range(low=low, value=value, high=high)
