"""McNemar's test, and Holm's adjustment of several p-values."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that one false alarm among all is as rare as each says.

    The smallest of ``k`` is multiplied by ``k``, the next by ``k - 1``, and so on; none becomes
    smaller than one before it, or larger than 1 (Holm 1979, Scandinavian Journal of Statistics
    6:65).
    """
    found = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = largest
    return found


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value of McNemar's test: a fair coin over the flips.

    McNemar 1947, Psychometrika 12:153; with no flips it is 1.
    """
    total, term, at_most = gained + lost, 1, 1
    for heads in range(min(gained, lost)):
        term = term * (total - heads) // (heads + 1)
        at_most += term
    p: float = 2 * at_most / 2**total
    return min(1.0, p)
