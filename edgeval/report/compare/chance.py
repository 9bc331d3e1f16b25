"""Rounding: the exact distribution of how far it moves a number of right items.

Of ``n`` items each may turn from right to wrong or back, by itself, with at most the probability
``share``. Rounding has no direction, so that both are as probable, and the number of right items
moves by the sum of ``n`` independent steps: +1 and -1 with ``share / 2`` each, otherwise 0. Its
probabilities are the coefficients of ``(a x + b + a / x)^n`` with ``a = share / 2`` and
``b = 1 - share``, which follow from one another: the polynomial times ``x^n``, ``f``, satisfies
``f' (a + b x + a x^2) = n (b + 2 a x) f`` (Euler's recurrence for powers of a polynomial; Knuth,
The Art of Computer Programming 2, section 4.7).
"""

from __future__ import annotations

import functools
import math

MOST_ITEMS = 100_000
"""Of more items the tail is not enumerated, but bounded by Bernstein's inequality."""

_LARGE = 1e250


def probability(distance: int, n_items: int, share: float) -> float:
    """Return the probability that rounding moves a number of right items at least so far.

    Args:
        distance: How far, up or down; 0 or more.
        n_items: Number of items, at least 1.
        share: The probability that one item turns from right to wrong or back, in (0, 1).

    Returns:
        It is exact up to 100,000 items, and an upper bound above (Bernstein 1924; Boucheron,
        Lugosi and Massart 2013, Concentration Inequalities, section 2.8).
    """
    if distance <= 0:
        return 1.0
    if n_items > MOST_ITEMS:
        spread = 2 * (n_items * share + distance / 3)
        return min(1.0, 2 * math.exp(-distance * distance / spread))
    tails = _tails(n_items, share)
    return tails[distance] if distance < len(tails) else 0.0


def tolerance(n_items: int, share: float, level: float) -> int:
    """Return the least distance that rounding exceeds with at most the probability ``level``.

    It grows with the square root of the number of items.

    Args:
        n_items: Number of items, at least 1.
        share: The probability that one item turns from right to wrong or back, in (0, 1).
        level: The probability, above 0.
    """
    low, high = 0, n_items
    while low < high:
        middle = (low + high) // 2
        if probability(middle + 1, n_items, share) <= level:
            high = middle
        else:
            low = middle + 1
    return low


@functools.lru_cache(maxsize=64)
def _tails(n_items: int, share: float) -> list[float]:
    """Return for each distance the probability of at least that, as far as floats tell it from 0.

    The coefficients are built from the outermost, all of whose terms are positive, and divided by
    their sum: nothing cancels.
    """
    step, stay = share / 2, 1 - share
    weights, before = [1.0], 0.0
    for k in range(n_items):
        grown = stay * (n_items - k) * weights[-1] + step * (2 * n_items - k + 1) * before
        before = weights[-1]
        weights.append(grown / (step * (k + 1)))
        if weights[-1] > _LARGE:
            before /= _LARGE
            # What lies that far out is nothing beside what comes.
            weights = [weight / _LARGE for weight in weights if weight > 1.0]
    whole = 2 * math.fsum(weights) - weights[-1]
    tails, sum_so_far = [], 0.0
    for weight in weights[:-1]:
        sum_so_far += weight
        tails.append(2 * sum_so_far / whole)
    return [1.0, *reversed(tails)]
