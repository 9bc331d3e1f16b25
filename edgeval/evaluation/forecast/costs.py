"""Costs of parts: how many items each takes, and how many seconds those take."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgeval.evaluation.forecast.expected_items import accuracy_items, drift_items
from edgeval.evaluation.forecast.parts import Part
from edgeval.evaluation.forecast.trial import Trial
from edgeval.records.forecast import Range, sum_of


def items(part: Part) -> Range:
    """Return how many items of a part are scored."""
    points = part.setup.options.until
    return all_items(part) if points is None else items_until(part, points)


def all_items(part: Part) -> Range:
    """Return all items of a part."""
    return Range(low=part.n_items, value=part.n_items, high=part.n_items)


def items_until(part: Part, points: float) -> Range:
    """Return how many items a part takes until it is decided to so many points.

    A reference is scored whole.
    """
    n_items = part.n_items + part.n_stored
    if part.is_reference or not part.n_items:
        return all_items(part)
    if part.n_compared:
        found = drift_items(part.bits, points, n_items, part.n_compared)
    else:
        found = accuracy_items(points, n_items)
    # Items are drawn by what they can tell: of those that are stored, a part in proportion.
    return found.times(part.n_items / n_items)


def seconds(part: Part, trial: Trial, n_items: Range) -> Range:
    """Return the seconds that so many items of a part take, with loading."""
    if not part.n_items:
        return all_items(part)
    rate, overhead_s = trial.rate(part), trial.overhead_s(part)
    item_s = rate.token_s * trial.tokens(part) / part.n_items
    return Range(
        low=(overhead_s + n_items.low * item_s) * (1 - min(0.9, rate.error)),
        value=overhead_s + n_items.value * item_s,
        high=(overhead_s + n_items.high * item_s) * (1 + rate.error),
    )


def total(parts: Iterable[Part], trial: Trial, count: Callable[[Part], Range] = items) -> Range:
    """Return the seconds that parts take together.

    Args:
        parts: The parts.
        trial: What was tried.
        count: Returns how many items of a part are scored.
    """
    return sum_of([seconds(part, trial, count(part)) for part in parts])
