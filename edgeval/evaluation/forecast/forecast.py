"""Forecast of a run: time, memory and energy by its parts, and what cheaper runs would take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import psutil

from edgeval import __version__
from edgeval.evaluation.forecast.alternatives import alternatives
from edgeval.evaluation.forecast.costs import items, seconds, total
from edgeval.evaluation.forecast.parts import Part
from edgeval.evaluation.forecast.trial import Trial
from edgeval.llama import machine
from edgeval.records.forecast import EnergyForecast, Forecast, PartForecast, sum_of
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
    if not is_asked and _PROBE_MAY_ERR_BY * total(parts, trial).value < LONG_S:
        return None
    trial.try_all()
    foretold = [_part(part, trial) for part in parts]
    time_s = sum_of([part.time_s for part in foretold])
    if not is_asked and time_s.value < LONG_S:
        return None
    own_bytes = psutil.Process().memory_info().rss
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
        alternatives=alternatives(parts, trial, time_s),
    )


def _longest_s(parts: Sequence[Part]) -> float:
    """Return the seconds that not even the slowest machine takes: two operations a weight."""
    n_operations = sum(2.0 * _MOST_TOKENS * part.n_items * part.n_weights for part in parts)
    return n_operations / _SLOWEST_OPERATIONS_A_S


def _part(part: Part, trial: Trial) -> PartForecast:
    rate, n_items = trial.rate(part) if part.n_items else None, items(part)
    return PartForecast(
        label=part.label,
        type=part.model.gguf.file_type,
        task=part.setup.data.task,
        n_items=n_items,
        n_stored=part.n_stored,
        tokens_per_s=1 / rate.token_s if rate and rate.is_tried else None,
        time_s=seconds(part, trial, n_items),
        memory_bytes=trial.memory_bytes(part) if part.n_items else 0,
    )
