"""Heat in words: how hot the machine was while it scored, and what held its clocks back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edgeval.errors import listed, plural
from edgeval.records import ModelRun
from edgeval.records.sensors import Heat
from edgeval.records.speeds import sum_of_heat
from edgeval.report import formatting as fmt
from edgeval.report.speeds import EMPTY
from edgeval.system.untrusted import printable

_CELSIUS = "\N{DEGREE SIGN}C"
_LEAST_SHARE = 0.01
"""Of less nobody sees anything in a speed."""

_MOST_NAMES, _MOST_REASONS = 4, 3


def sentences(named: Iterable[tuple[str, ModelRun]]) -> list[str]:
    """Return how hot it was and, if they were, that clocks were held back; nothing if unknown.

    Args:
        named: Runs by the names of their types; those of one type on several tasks are summed.
    """
    parts: dict[str, list[Heat]] = {}
    for name, run in named:
        if run.speed is not None and run.speed.told_heat is not None:
            parts.setdefault(name, []).append(run.speed.told_heat)
    found = {name: heat for name, each in parts.items() if (heat := sum_of_heat(each))}
    clauses = [listed(_hottest(found)), _held_back(found)]
    told = "; ".join(clause for clause in clauses if clause)
    return [f"Heat: {told}."] if told else []


def heat_columns(heats: Sequence[Heat | None]) -> dict[str, list[str]]:
    """Return the columns of a table of speeds that have anything, by their titles.

    Args:
        heats: What is known of each row.
    """
    known = [each or Heat(seconds=1.0) for each in heats]
    columns = {
        f"hottest CPU, {_CELSIUS}": [_degrees(each.hottest_c) for each in known],
        f"hottest GPU, {_CELSIUS}": [_degrees(each.gpu_hottest_c) for each in known],
        "held back, %": [_percent(each.held_share) for each in known],
    }
    return {title: cells for title, cells in columns.items() if set(cells) - {EMPTY}}


def _hottest(found: Mapping[str, Heat]) -> list[str]:
    """Return the highest temperatures as phrases: ``CPU up to 84 °C with Q4_K_M``."""
    of_devices = {
        "CPU": {name: each.hottest_c for name, each in found.items()},
        "GPU": {name: each.gpu_hottest_c for name, each in found.items()},
    }
    phrases = []
    for device, of_types in of_devices.items():
        told = {name: _degrees(each) for name, each in of_types.items() if each is not None}
        if not told:
            continue
        most = _degrees(max(each for each in of_types.values() if each is not None))
        hottest = [name for name, each in told.items() if each == most]
        phrases.append(f"{device} up to {most} {_CELSIUS}{_with(hottest, found)}")
    return phrases


def _held_back(found: Mapping[str, Heat]) -> str:
    """Return for how long clocks were held back, as a clause; empty if nobody knows of any."""
    held = {name: each for name, each in found.items() if (each.held_share or 0) >= _LEAST_SHARE}
    whole = sum_of_heat(held.values())
    if whole is None or whole.held_share is None:
        return ""
    reasons = [printable(each.reason, 60) for each in whole.held_back[:_MOST_REASONS]]
    why = f" ({', '.join(reasons)})" if reasons else ""
    return (
        f"clocks were held back for {fmt.probability(whole.held_share)} of the time"
        f"{why}{_with(list(held), found)}, so "
        f"{plural(len(held), 'this speed is', 'these speeds are')} lower than the machine's"
    )


def _with(names: Sequence[str], found: Mapping[str, Heat]) -> str:
    """Return of which types something is, as a phrase; empty if it is of all."""
    if len(names) == len(found):
        return ""
    if len(names) > _MOST_NAMES:
        names = [*names[:_MOST_NAMES], f"{len(names) - _MOST_NAMES} more"]
    return f" with {listed(names)}"


def _degrees(celsius: float | None) -> str:
    return EMPTY if celsius is None else fmt.plain(celsius, 0)


def _percent(share: float | None) -> str:
    if share is None:
        return EMPTY
    return "<0.1" if 0 < share < 0.0005 else fmt.plain(100 * share, 1)
