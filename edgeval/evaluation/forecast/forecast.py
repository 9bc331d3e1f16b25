"""Forecast of a run: time, memory and energy by its parts, and what cheaper runs would take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

import psutil

from edgeval import __version__
from edgeval.evaluation.forecast.expected_items import accuracy_items, drift_items
from edgeval.evaluation.forecast.parts import Part
from edgeval.evaluation.forecast.trial import Trial
from edgeval.llama import machine
from edgeval.records.forecast import (
    Alternative,
    EnergyForecast,
    Forecast,
    PartForecast,
    Range,
    sum_of,
)
from edgeval.system.free_memory import available
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable

LONG_S = 120.0
"""Runs that take longer are foretold."""

_PROBE_MAY_ERR_BY = 2.0
_MOST_TOKENS = 1_000
"""Of an item's choices together, as a rule."""
_SLOWEST_OPERATIONS_A_S = 1.5e9
"""A Raspberry Pi 4 does four times as many: F16 of TinyLlama at 3 tokens/s (``published``)."""
_POINTS = 1.0
_FEW_ITEMS = 1_000
_COMMON, _COMMON_BITS = "Q4_K_M", 4.8
_WORTH = 0.8
"""An alternative that takes more of the time is none."""


def forecast(
    parts: Sequence[Part], progress: Progress, command: str = "", *, is_asked: bool = False
) -> Forecast | None:
    """Return what a run will take.

    Args:
        parts: Its parts.
        progress: Where the trial is shown.
        command: The command line, for the record.
        is_asked: Whether it was asked for; otherwise only a long run is foretold.

    Returns:
        The forecast. None where nothing is left to be scored or can be, or the run is short.

    Raises:
        EdgevalError: If a model cannot be loaded, or does not fit in memory.
    """
    if not is_asked and _longest_s(parts) < LONG_S:
        return None
    trial = Trial(parts, progress)
    if not trial.probe():
        return None
    if not is_asked and _PROBE_MAY_ERR_BY * _time(parts, trial).value < LONG_S:
        return None
    trial.try_all()
    time_s = _time(parts, trial)
    if not is_asked and time_s.value < LONG_S:
        return None
    own_bytes = psutil.Process().memory_info().rss
    foretold = [_part(part, trial) for part in parts]
    return Forecast(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        command=command,
        device=machine.describe(),
        threads=parts[0].setup.threads,
        calibration_s=trial.elapsed_s,
        parts=foretold,
        time_s=time_s,
        memory_bytes=own_bytes + max(each.memory_bytes for each in foretold),
        free_bytes=available().n_bytes,
        energy=[
            EnergyForecast(
                source=printable(each.source, 60),
                watts=each.watts,
                joules=time_s.times(each.watts),
            )
            for each in trial.power
        ],
        alternatives=list(_alternatives(parts, trial, time_s)),
    )


def _longest_s(parts: Sequence[Part]) -> float:
    """Return the seconds that not even the slowest machine takes: two operations a weight."""
    n_operations = sum(2.0 * _MOST_TOKENS * part.n_items * part.n_weights for part in parts)
    return n_operations / _SLOWEST_OPERATIONS_A_S


def _time(parts: Sequence[Part], trial: Trial) -> Range:
    return sum_of([_seconds(part, trial, items(part)) for part in parts])


def items(part: Part) -> Range:
    """Return how many items of a part are scored."""
    points = part.setup.options.until
    return _all(part) if part.is_reference or points is None else _stopped(part, points)


def _all(part: Part) -> Range:
    return Range(low=part.n_items, value=part.n_items, high=part.n_items)


def _stopped(part: Part, points: float) -> Range:
    """Return how many items a part takes that stops when it is decided."""
    n_items = part.n_items + part.n_stored
    if not n_items:
        return _all(part)
    if not part.n_compared:
        found = accuracy_items(points, n_items)
    else:
        found = drift_items(part.bits, points, n_items, part.n_compared)
    # Items are drawn by what they can tell: of those that are stored, a part in proportion.
    return found.times(part.n_items / n_items)


def _seconds(part: Part, trial: Trial, n_items: Range) -> Range:
    """Return the seconds that so many items of a part take, with loading."""
    if not part.n_items:
        return Range(low=0, value=0, high=0)
    rate, overhead_s = trial.rate(part), trial.overhead_s(part)
    item_s = rate.token_s * trial.tokens(part) / part.n_items
    return Range(
        low=(overhead_s + n_items.low * item_s) * (1 - min(0.9, rate.error)),
        value=overhead_s + n_items.value * item_s,
        high=(overhead_s + n_items.high * item_s) * (1 + rate.error),
    )


def _part(part: Part, trial: Trial) -> PartForecast:
    rate = trial.rate(part) if part.n_items else None
    return PartForecast(
        label=part.label,
        type=part.model.gguf.file_type,
        task=part.setup.data.task,
        n_items=items(part),
        n_stored=part.n_stored,
        tokens_per_s=1 / rate.token_s if rate and rate.is_tried else None,
        time_s=_seconds(part, trial, items(part)),
        memory_bytes=trial.memory_bytes(part) if part.n_items else 0,
    )


def _alternatives(parts: Sequence[Part], trial: Trial, time_s: Range) -> Iterator[Alternative]:
    """Yield cheaper runs, the cheapest last."""
    found = [
        each
        for each in _all_alternatives(parts, trial)
        if each.time_s.value < _WORTH * time_s.value
    ]
    yield from sorted(found, key=lambda each: -each.time_s.value)


def _all_alternatives(parts: Sequence[Part], trial: Trial) -> Iterator[Alternative]:
    options = parts[0].setup.options
    references = [part for part in parts if part.is_reference]
    others = [part for part in parts if not part.is_reference]
    most = max(part.n_items for part in parts)
    if options.until is None and others and most > _FEW_ITEMS:
        stopping = [_seconds(part, trial, _stopped(part, _POINTS)) for part in others]
        whole = [_seconds(part, trial, _all(part)) for part in references]
        points = f"{_POINTS:g} point"
        if options.order != "file":
            yield Alternative(
                options=f"--until {_POINTS:.1f}",
                time_s=sum_of([*whole, *stopping]),
                meaning=f"whether each type is within {points} of the reference",
            )
        if references and options.order != "file":
            yield Alternative(
                options=f"--until {_POINTS:.1f} --reference FILE",
                time_s=sum_of(stopping),
                meaning="the same, with a reference file that another machine has made",
            )
    elif options.until is not None and references and others:
        yield Alternative(
            options="--reference FILE",
            time_s=sum_of([_seconds(part, trial, items(part)) for part in others]),
            meaning="the same, with a reference file that another machine has made",
        )
    if options.limit is None and most > _FEW_ITEMS:
        few = [
            _seconds(part, trial, _all(part).times(min(1.0, _FEW_ITEMS / max(1, part.n_items))))
            for part in parts
        ]
        yield Alternative(
            options=f"--limit {_FEW_ITEMS}",
            time_s=sum_of(few),
            meaning=f"accuracies of {_FEW_ITEMS:,} items: to about 3 points",
        )
    labels = list(dict.fromkeys(part.label for part in parts))
    if len(labels) > 2:
        kept = [labels[0], _middle(parts, labels)]
        smaller = [_seconds(part, trial, items(part)) for part in parts if part.label in kept]
        yield Alternative(
            options=f"--quant {','.join(kept)}",
            time_s=sum_of(smaller),
            meaning=f"{kept[1]} beside {kept[0]} alone",
        )


def _middle(parts: Sequence[Part], labels: Sequence[str]) -> str:
    """Return the file that most people take, or the one that is nearest to its bits a weight."""
    others = [part for part in parts if part.label in labels[1:]]
    found = min(others, key=lambda part: (part.label != _COMMON, abs(part.bits - _COMMON_BITS)))
    return found.label
