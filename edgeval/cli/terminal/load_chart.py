"""Chart of a sustained load for a terminal: speed and temperatures, a line of blocks each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from edgeval.records.bench import Bench
from edgeval.records.sensors import Sustained
from edgeval.report import curves
from edgeval.report import formatting as fmt
from edgeval.report.curves import Curve
from edgeval.system.escapes import fitting

WIDTH: Final = 79
"""Cells that it takes at most: one less than the narrowest terminal that is common has."""

_BLOCKS: Final = "".join(map(chr, range(0x2581, 0x2589)))
"""Lower one eighth block to full block."""
_IN_ASCII: Final = "_.-=+*%#"
_LOWEST_SHARE: Final = 0.5
_COLDEST_C, _HOTTEST_C = 20.0, 100.0
_NONE: Final = " "


def load_charts(bench: Bench, width: int, encoding: str) -> Iterator[str]:
    """Yield a chart a file that was kept busy, and what its blocks mean.

    Args:
        bench: The benchmark.
        width: Cells of the screen.
        encoding: That of the screen; blocks that it lacks are in ASCII.
    """
    found = [(each.type, each.sustained) for each in bench.files if each.sustained is not None]
    for name, load in found:
        yield f"{name}, {fmt.duration(load.duration_s)} of load from left to right:"
        yield from load_chart(load, min(width - 1, WIDTH), encoding)
    if found:
        yield (
            f"A whole block is the fastest test, or {_HOTTEST_C:.0f} \N{DEGREE SIGN}C; the lowest "
            f"is half of that speed or less, or {_COLDEST_C:.0f} \N{DEGREE SIGN}C or less."
        )


def load_chart(load: Sustained, width: int, encoding: str) -> list[str]:
    """Return a line of the speed, and one of each temperature that a sensor tells.

    Args:
        load: The load.
        width: Cells of a line.
        encoding: That of the screen.
    """
    end_s, speeds, heats = load.duration_s, curves.speeds(load), curves.temperatures(load)
    if end_s <= 0 or not speeds:
        return []
    curve_of: dict[str, tuple[Curve, Callable[[float], str]]] = {"tokens/s": (speeds, fmt.rate)}
    for device, heat in heats.items():
        curve_of[fitting(f"{device} \N{DEGREE SIGN}C", encoding)] = (heat, _whole)
    ranges = [_range(curve, text) for curve, text in curve_of.values()]
    margin = max(map(len, curve_of)) + 2
    n_cells = max(1, width - margin - 2 - max(map(len, ranges)))
    levels = _BLOCKS if fitting(_BLOCKS, encoding) == _BLOCKS else _IN_ASCII
    fastest = max(value for _, value in speeds)
    cells = [_cells(_speeds(speeds, end_s, n_cells), _LOWEST_SHARE * fastest, fastest, levels)]
    for heat in heats.values():
        known = _temperatures(heat, end_s, n_cells)
        cells.append(_cells(known, _COLDEST_C, _HOTTEST_C, levels))
    return [
        f"{name:<{margin}}{drawn}  {told}"
        for name, drawn, told in zip(curve_of, cells, ranges, strict=True)
    ]


def _range(curve: Curve, text: Callable[[float], str]) -> str:
    values = [value for _, value in curve]
    return f"{text(min(values))} to {text(max(values))}"


def _whole(value: float) -> str:
    return fmt.plain(value, 0)


def _speeds(curve: Curve, end_s: float, n_cells: int) -> list[float | None]:
    """Return a value a cell: one in which no test ended is of the test that went on."""
    found: list[float | None] = []
    value = curve[-1][1]
    for each in reversed(curves.means(curve, end_s, n_cells)):
        value = value if each is None else each[1]
        found.append(value)
    return found[::-1]


def _temperatures(curve: Curve, end_s: float, n_cells: int) -> list[float | None]:
    """Return a value a cell; the last one holds until nobody knows any more."""
    found: list[float | None] = []
    last: tuple[float, float] | None = None
    for at, each in enumerate(curves.means(curve, end_s, n_cells)):
        last = each or last
        is_known = last is not None and at / n_cells * end_s - last[0] <= curves.GAP_S
        found.append(last[1] if last and is_known else None)
    return found


def _cells(values: Sequence[float | None], low: float, high: float, levels: str) -> str:
    top = len(levels) - 1
    shares = [None if each is None else (each - low) / (high - low) for each in values]
    return "".join(
        _NONE if each is None else levels[round(min(1.0, max(0.0, each)) * top)] for each in shares
    )
