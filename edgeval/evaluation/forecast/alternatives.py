"""Alternatives: cheaper runs, what each takes and what it tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeval.evaluation.forecast.costs import all_items, items_until, total
from edgeval.evaluation.forecast.parts import Part
from edgeval.evaluation.forecast.trial import Trial
from edgeval.records.forecast import Alternative, Range

_POINTS = 1.0
_FEW_ITEMS = 1_000
_COMMON, _COMMON_BITS = "Q4_K_M", 4.8
_WORTH = 0.8
"""An alternative that takes more of the time is none."""
_WITH_FILE = "the same, with a reference file that another machine has made"


def alternatives(parts: Sequence[Part], trial: Trial, time_s: Range) -> list[Alternative]:
    """Return cheaper runs, the cheapest last.

    Args:
        parts: The parts of the run.
        trial: What was tried.
        time_s: Seconds that the run takes.
    """
    every = [*_until(parts, trial), *_limited(parts, trial), *_smaller(parts, trial)]
    worth = [each for each in every if each.time_s.value < _WORTH * time_s.value]
    return sorted(worth, key=lambda each: -each.time_s.value)


def _until(parts: Sequence[Part], trial: Trial) -> Iterator[Alternative]:
    """Yield runs that stop early, and those with a reference file."""
    options = parts[0].setup.options
    compared = [part for part in parts if part.n_compared and not part.is_reference]
    has_reference = any(part.is_reference for part in parts)
    if options.until is not None:
        if has_reference and compared:
            yield Alternative(
                options="--reference FILE", time_s=total(compared, trial), meaning=_WITH_FILE
            )
        return
    # The first items of a file are no sample that could stop.
    if options.order == "file" or max(part.n_items for part in parts) <= _FEW_ITEMS:
        return
    until, points = f"--until {_POINTS:.1f}", f"{_POINTS:g} point"

    def stopped(part: Part) -> Range:
        return items_until(part, _POINTS)

    yield Alternative(
        options=until,
        time_s=total(parts, trial, stopped),
        meaning=f"whether each type is within {points} of the reference"
        if compared
        else f"each accuracy to within {points}",
    )
    if has_reference and compared:
        yield Alternative(
            options=f"{until} --reference FILE",
            time_s=total(compared, trial, stopped),
            meaning=_WITH_FILE,
        )


def _limited(parts: Sequence[Part], trial: Trial) -> Iterator[Alternative]:
    """Yield the run on fewer items."""
    if parts[0].setup.options.limit is not None:
        return
    if max(part.n_items for part in parts) <= _FEW_ITEMS:
        return

    def few(part: Part) -> Range:
        return all_items(part).times(min(1.0, _FEW_ITEMS / max(1, part.n_items)))

    yield Alternative(
        options=f"--limit {_FEW_ITEMS}",
        time_s=total(parts, trial, few),
        meaning=f"accuracies of {_FEW_ITEMS:,} items: to about 3 points",
    )


def _smaller(parts: Sequence[Part], trial: Trial) -> Iterator[Alternative]:
    """Yield the ladder of one type, beside the reference."""
    compared = [part for part in parts if part.n_compared and not part.is_reference]
    if len({part.label for part in compared}) < 2:
        return
    middle = _middle(compared)
    reference = next((part.label for part in parts if part.is_reference), None)
    kept = [middle] if reference is None else [reference, middle]
    yield Alternative(
        options=f"--quant {','.join(kept)}",
        time_s=total([part for part in parts if part.label in kept], trial),
        meaning=f"{middle} beside the reference alone",
    )


def _middle(compared: Sequence[Part]) -> str:
    """Return the file that most people take, or the one that is nearest to its bits a weight."""
    found = min(compared, key=lambda part: (part.label != _COMMON, abs(part.bits - _COMMON_BITS)))
    return found.label
