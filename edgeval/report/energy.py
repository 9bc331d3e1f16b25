"""Energy in words: joules an item and watt-hours, each with its source."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping

from edgeval.errors import listed
from edgeval.records import ModelRun
from edgeval.records.sensors import JOULES_A_WATT_HOUR, Energy
from edgeval.records.speeds import sum_of_energy
from edgeval.report import formatting as fmt
from edgeval.system.untrusted import printable

_WELL_KNOWN = 0.95
"""A smaller share of the time is worth a word."""


def sentences(named: Iterable[tuple[str, ModelRun]]) -> list[str]:
    """Return what scoring took, a sentence a source; none where no source told it.

    Args:
        named: Runs by the names of their types; those of one type on several tasks are summed.
    """
    items: dict[str, int] = {}
    parts: dict[str, list[list[Energy]]] = {}
    for name, run in named:
        if run.speed is not None and run.speed.told_energy:
            items[name] = items.get(name, 0) + run.speed.n_items
            parts.setdefault(name, []).append(run.speed.told_energy)
    of_source: dict[str, dict[str, Energy]] = {}
    for name, found in parts.items():
        for each in sum_of_energy(found):
            of_source.setdefault(each.source, {})[name] = each
    return [_sentence(source, of_types, items) for source, of_types in of_source.items()]


def _sentence(source: str, of_types: Mapping[str, Energy], items: Mapping[str, int]) -> str:
    """Return what one source tells, with what the machine takes idle and without."""
    of_items = [_of(name, each, items[name], "J") for name, each in of_types.items()]
    whole = functools.reduce(operator.add, of_types.values())
    known = "" if whole.known_share >= _WELL_KNOWN else f", known for {whole.known_share:.0%} of it"
    return (
        f"Energy of an item by {printable(source, 60)}{known}: {listed(of_items)}. "
        f"{_of('All that was scored took', whole, JOULES_A_WATT_HOUR, 'Wh')}."
    )


def _of(name: str, energy: Energy, divisor: float, unit: str) -> str:
    """Return an energy as a phrase, with what of it is above idle: ``F16 3.20 J (2.10 above)``."""
    told = f"{name} {fmt.significant(energy.joules / divisor)} {unit}"
    if energy.above_idle is None:
        return told
    return f"{told} ({fmt.significant(energy.above_idle / divisor)} above idle)"
