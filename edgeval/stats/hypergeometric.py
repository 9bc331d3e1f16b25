"""Exact probabilities of how many marked items a simple random sample of a finite set holds.

The count of ``marked`` items among ``drawn`` of ``population`` has the hypergeometric distribution
(Johnson, Kemp and Kotz 2005, Univariate Discrete Distributions, chapter 6). It is computed without
an array library: the views of a record, which need these numbers, load none.
"""

from __future__ import annotations

import functools
import math
from array import array
from typing import Final

_NEGLIGIBLE: Final = 1e-18
"""A term this much smaller than the sum before it, and so all after it, change no float."""


@functools.lru_cache(maxsize=8)
def log_factorials(n: int) -> array[float]:
    """Return ``ln 0!`` to ``ln n!`` as doubles, which ``numpy.frombuffer`` takes as they are."""
    return array("d", map(math.lgamma, range(1, n + 2)))


def support(marked: int, drawn: int, population: int) -> tuple[int, int]:
    """Return the least and the greatest count of marked items that a sample can hold."""
    return max(0, drawn - (population - marked)), min(marked, drawn)


def pmf(count: int, marked: int, drawn: int, population: int) -> float:
    """Return the probability that a sample holds just ``count`` marked items.

    Args:
        count: The count.
        marked: Number of marked items in the population.
        drawn: Number of items drawn.
        population: Number of all items.
    """
    least, most = support(marked, drawn, population)
    if not least <= count <= most:
        return 0.0
    return math.exp(
        log_choose(marked, count)
        + log_choose(population - marked, drawn - count)
        - log_choose(population, drawn)
    )


def at_most(count: int, marked: int, drawn: int, population: int) -> float:
    """Return the probability that a sample holds ``count`` marked items or fewer."""
    least, most = support(marked, drawn, population)
    if count < least or count >= most:
        return float(count >= most)
    if count > drawn * marked / population:
        return 1 - _from(count + 1, marked, drawn, population)
    # A sample with few marked items is one with many of the others.
    return _from(drawn - count, population - marked, drawn, population)


def at_least(count: int, marked: int, drawn: int, population: int) -> float:
    """Return the probability that a sample holds ``count`` marked items or more."""
    return at_most(drawn - count, population - marked, drawn, population)


def posterior_at_most(marked: int, count: int, drawn: int, population: int) -> float:
    """Return the probability that a population holds ``marked`` marked items or fewer.

    Before the sample, each number of them from none to all is as likely as another; the unseen ones
    have a beta-binomial distribution then. The sum is the hypergeometric tail of a sample and a
    population with one more item each: the ``count + 1``-th of ``drawn + 1`` items that are drawn
    from ``population + 1`` in a row stands where the marked ones end.

    Args:
        marked: The number of marked items in the population that is asked about.
        count: How many of the drawn items are marked.
        drawn: Number of items drawn.
        population: Number of all items.
    """
    if marked < count or marked >= population - drawn + count:
        return float(marked >= count)
    return at_least(count + 1, marked + 1, drawn + 1, population + 1)


def log_choose(n: int, k: int) -> float:
    """Return the natural logarithm of the number of ways to choose ``k`` of ``n`` items."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _from(count: int, marked: int, drawn: int, population: int) -> float:
    """Return the probability of a count above the mean, or more: terms fall from there on."""
    most = min(marked, drawn)
    rest = population - marked - drawn
    term = 1.0
    found = 1.0
    for held in range(count, most):
        term *= (marked - held) * (drawn - held) / ((held + 1) * (rest + held + 1))
        found += term
        if term < _NEGLIGIBLE * found:
            break
    return min(1.0, pmf(count, marked, drawn, population) * found)
