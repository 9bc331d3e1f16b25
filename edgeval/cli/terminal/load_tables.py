"""Tables of a sustained load: what it left of the speed, and heat and clocks meanwhile."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Final

from edgeval.records.bench import Bench
from edgeval.records.sensors import Figure, Sustained
from edgeval.report import curves
from edgeval.report import formatting as fmt
from edgeval.system.tables import Table

_UNKNOWN: Final = "\N{EN DASH}"
_FIGURES: Final[dict[str, tuple[Figure, Figure, Figure, Callable[[float], str]]]] = {
    "CPU": ("temperature_c", "clock_mhz", "fan_rpm", lambda rpm: f"{rpm:,.0f} rpm"),
    "GPU": (
        "gpu_temperature_c",
        "gpu_clock_mhz",
        "gpu_fan_share",
        lambda share: f"{100 * share:.0f}%",
    ),
}
"""Temperature, clock and fan of each device, and how the speed of its fan is told."""


def load_tables(bench: Bench) -> list[Table]:
    """Return the tables of a benchmark; none where nothing was kept busy, or no sensor tells."""
    found = [(each.type, each.sustained) for each in bench.files if each.sustained is not None]
    rows = list(_heats(found))
    return [*([_speeds(found)] if found else []), *([_heat_table(rows)] if rows else [])]


def _speeds(found: list[tuple[str, Sustained]]) -> Table:
    """Return one line a file: what minutes of load left of its speed."""
    table = Table.of(
        "sustained load",
        ["type", "time", "first", "steady", "lost", "a minute", "throttled"],
        numbers=("time", "first", "steady", "lost", "a minute"),
        leaving=("a minute", "throttled"),
    )
    for kind, load in found:
        throttled = dict.fromkeys(name for each in load.samples for name in each.throttled)
        table.add_row(
            kind,
            fmt.duration(load.duration_s),
            fmt.rate(load.first),
            fmt.rate(load.steady),
            f"{100 * load.lost:.1f}%",
            f"{100 * load.slope:+.2f}%",
            ", ".join(throttled) or _UNKNOWN,
        )
    return table


def _heat_table(rows: list[list[str]]) -> Table:
    table = Table.of(
        "heat and clocks under sustained load",
        ["type", "of", "first clock", "steady clock", "hottest", "fan"],
        numbers=("first clock", "steady clock", "hottest", "fan"),
        leaving=("fan",),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _heats(found: list[tuple[str, Sustained]]) -> Iterator[list[str]]:
    """Yield one line a file and device that a sensor tells of."""
    for kind, load in found:
        for device, (heat, clock, fan, of_fan) in _FIGURES.items():
            cells = [
                _mean(load, clock, 0.0, 0.05),
                _mean(load, clock, 0.75, 1.0),
                _highest(load, heat, lambda celsius: f"{celsius:.0f} °C"),
                _highest(load, fan, of_fan),
            ]
            if set(cells) - {_UNKNOWN}:
                yield [kind, device, *cells]


def _mean(load: Sustained, clock: Figure, begin: float, end: float) -> str:
    """Return the mean clock between two shares of the time."""
    within = [
        mhz
        for at_s, mhz in curves.sensed(load, clock)
        if begin * load.duration_s <= at_s <= end * load.duration_s
    ]
    return f"{statistics.fmean(within):,.0f} MHz" if within else _UNKNOWN


def _highest(load: Sustained, figure: Figure, text: Callable[[float], str]) -> str:
    values = [value for _, value in curves.sensed(load, figure)]
    return text(max(values)) if values else _UNKNOWN
