"""Known numbers: what a record knows of a type on the whole split, between two ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from edgeval.records import Report
from edgeval.report import formatting as fmt
from edgeval.report.gate.conditions import Condition, Quantity
from edgeval.report.record_view import RecordView, RunView
from edgeval.stats.intervals import LEVEL, split_interval

_View = RecordView[Report]

_UNITS: Final[dict[Quantity, tuple[str, int]]] = {
    "drift": (" points lost", 2),
    "kl": (" nats a position", 5),
    "accuracy": ("% right", 2),
    "flips": ("% of the items flip", 2),
}
"""What stands behind the number, and how many decimals it has at the least."""

_MOST_DECIMALS: Final = 9
_NOTHING: Final = (0.0, math.inf)
"""The ends of a divergence of which nothing is known."""


@dataclass(frozen=True)
class Known:
    """What is known of a number.

    Attributes:
        value: The number, or its estimate.
        low: The least that it may be on the split.
        high: The greatest; both are the number where it is counted.
        sure: How surely, for use behind the ends.
    """

    value: float
    low: float
    high: float
    sure: str


def known(name: Quantity, view: _View, run: RunView) -> Known | None:
    """Return what is known of a number of one run; None where it was not measured.

    Args:
        name: Which number.
        view: The record that the run is of.
        run: The run; one that is compared, unless the number is an accuracy.
    """
    return _KNOWN[name](view, run)


def in_words(found: Known, condition: Condition) -> str:
    """Return what is known of a number, as a clause.

    Args:
        found: What is known.
        condition: What it is held to: rounding moves nothing over the bound.
    """
    bound = condition.bound or 0.0
    unit, decimals = _UNITS[cast("Quantity", condition.name)]
    value = f"{_rounded(found.value, bound, decimals)}{unit}"
    if found.low == found.high or (found.low, found.high) == _NOTHING:
        return f"{value}, {found.sure}"
    low = _rounded(found.low, bound, decimals)
    if found.high == math.inf:
        return f"{value}, {low} or more {found.sure}"
    return f"{value}, {low} to {_rounded(found.high, bound, decimals)} {found.sure}"


def is_true(condition: Condition, found: Known) -> bool | None:
    """Return whether a condition is true of a number; None if both may be."""
    # Ends of intervals are shares of items in floating point, and bounds are typed.
    low, high = (
        condition.is_true_of(round(end, _MOST_DECIMALS)) for end in (found.low, found.high)
    )
    return low if low == high else None


def _drift(view: _View, run: RunView) -> Known | None:
    drift = run.drift
    if drift is None:
        return None
    ends = drift.split.interval_points
    low, high = 0.0 - ends.high, 0.0 - ends.low
    if drift.split.is_exact:
        return Known(low, low, high, "counted")
    return Known(0.0 - drift.difference_points, low, high, view.sureness.clause)


def _kl(view: _View, run: RunView) -> Known | None:
    found = run.drift and run.drift.divergence
    if not found:
        return None
    # It loads NumPy, which the other numbers do without.
    from edgeval.stats.kl_interval import kl_interval

    n_compared = sum(each.divergence is not None for each in view.drifts)
    n_compared *= view.record.n_together
    low, high = kl_interval(found, view.record.data.n_total, n_compared)
    value = found.best_nats
    if (low, high) == _NOTHING:
        return Known(value, low, high, "on items that tell nothing of the split")
    return Known(value, low, high, _together(n_compared, "about "))


def _accuracy(view: _View, run: RunView) -> Known:
    estimate = run.estimate
    low, high = 100 * estimate.interval.low, 100 * estimate.interval.high
    if low == high:
        return Known(100 * estimate.value, low, high, "counted")
    if run.drift is not None and run.drift.split_accuracy is not None:
        return Known(100 * estimate.value, low, high, view.sureness.clause)
    sure = f"with {fmt.level(estimate.interval)}" if view.is_sample else "for certain"
    return Known(100 * estimate.value, low, high, sure)


def _flips(view: _View, run: RunView) -> Known | None:
    drift, population = run.drift, view.record.data.n_total
    if drift is None:
        return None
    count, n_items = drift.right_to_wrong + drift.wrong_to_right, drift.n_items
    value = 100 * count / n_items
    if n_items == population:
        return Known(value, value, value, "counted")
    if view.is_sample and drift.stopping is None:
        n_compared = max(1, len(view.sampled)) * view.record.n_together
        ends = split_interval(count, n_items, population, 1 - (1 - LEVEL) / n_compared)
        return Known(value, 100 * ends.low, 100 * ends.high, _together(n_compared))
    # Of items that are no sample, or whose number was not fixed, only what is certain is said.
    high = 100 * (count + population - n_items) / population
    return Known(value, 100 * count / population, high, "for certain")


_KNOWN: Final[dict[Quantity, Callable[[_View, RunView], Known | None]]] = {
    "drift": _drift,
    "kl": _kl,
    "accuracy": _accuracy,
    "flips": _flips,
}


def _together(n_compared: int, about: str = "") -> str:
    return f"{'together ' if n_compared > 1 else ''}with {about}{100 * LEVEL:g}%"


def _rounded(value: float, bound: float, decimals: int) -> str:
    """Return a number with so many decimals, or as many as keep it on its side of a bound."""
    places = next(
        (
            places
            for places in range(decimals, _MOST_DECIMALS)
            if _side(round(value, places), bound) == _side(round(value, _MOST_DECIMALS), bound)
        ),
        _MOST_DECIMALS,
    )
    return fmt.plain(value, places)


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)
