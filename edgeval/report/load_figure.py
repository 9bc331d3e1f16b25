"""Figure of a sustained load: speed and temperature over time, in pixels for a template."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edgeval.records.sensors import Sustained
from edgeval.report import curves
from edgeval.report import formatting as fmt
from edgeval.report.curves import Curve

WIDTH = 720

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 76.0, 16.0, 48.0
_SPEED_HEIGHT, _HEAT_HEIGHT, _BETWEEN = 150.0, 90.0, 24.0
_SPEED_TICKS, _HEAT_TICKS, _TIME_TICKS = 5, 3, 8
_MOST_POINTS = 300
_LEAST_S, _LEAST_SPEED = 1e-3, 1e-3
_LEAST_SPAN_C = 10.0
_UNITS: Final = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how long a time on it is told in what, and the seconds of that."""


@dataclass(frozen=True)
class Panel:
    """One curve with its own vertical axis, in pixels."""

    kind: Literal["speed", "heat"]
    label: str
    top: float
    bottom: float
    path: str
    y_ticks: list[tuple[float, str]]
    last: str
    last_y: float


@dataclass(frozen=True)
class LoadFigure:
    """Speed and the temperatures that are told, over one time; when clocks were held back."""

    name: str
    title: str
    caption: str
    height: float
    left: float
    right: float
    bottom: float
    x_label: str
    x_ticks: list[tuple[float, str]]
    held: list[tuple[float, float]]
    panels: list[Panel]


def load_figure(load: Sustained, name: str, of: str) -> LoadFigure | None:
    """Return the figure of a load; None if it has no time.

    Args:
        load: The load.
        name: What the figure is called on its page.
        of: The machine and the file, for the title.
    """
    end_s, speeds = load.duration_s, curves.speeds(load)
    if end_s < _LEAST_S or not speeds:
        return None
    heats = curves.temperatures(load)
    panels = [_speed_panel(speeds, end_s)]
    for device, heat in heats.items():
        panels.append(_heat_panel(device, heat, end_s, panels[-1].bottom + _BETWEEN))
    seconds, unit = next(each[1:] for each in _UNITS if end_s >= each[0])
    return LoadFigure(
        name=name,
        title=f"Sustained load: {of}",
        caption=_caption(load, of, heats),
        height=panels[-1].bottom + _BOTTOM,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        bottom=panels[-1].bottom,
        x_label=f"{unit} of load",
        x_ticks=[
            (_x(value * seconds, end_s), f"{value:g}")
            for value in _ticks(0.0, end_s / seconds, _TIME_TICKS)
        ],
        held=[(_x(begin, end_s), _x(end, end_s)) for begin, end in curves.held_back(load)],
        panels=panels,
    )


def _caption(load: Sustained, of: str, heats: Mapping[str, Curve]) -> str:
    told = [
        f"{of}: {load.n_prompt:,} tokens again and again for {fmt.duration(load.duration_s)}",
        f"{fmt.rate(load.first)} tokens/s at first and {fmt.rate(load.steady)} in the last quarter",
    ]
    for device, heat in heats.items():
        hottest = max(value for _, value in heat)
        told.append(f"{device} up to {fmt.plain(hottest, 0)} \N{DEGREE SIGN}C")
    if curves.held_back(load):
        told.append("shaded while its clocks were held back")
    return f"{'; '.join(told)}."


def _speed_panel(curve: Curve, end_s: float) -> Panel:
    # From zero on: what is lost is seen as the share that it is.
    high = 1.05 * max(_LEAST_SPEED, *(value for _, value in curve))
    return _panel("speed", "tokens/s", curve, end_s, (_TOP, _SPEED_HEIGHT), (0.0, high), fmt.rate)


def _heat_panel(device: str, curve: Curve, end_s: float, top: float) -> Panel:
    low, high = min(value for _, value in curve), max(value for _, value in curve)
    pad = max(0.1 * (high - low), (_LEAST_SPAN_C - (high - low)) / 2)
    return _panel(
        "heat",
        f"{device} \N{DEGREE SIGN}C",
        curve,
        end_s,
        (top, _HEAT_HEIGHT),
        (low - pad, high + pad),
        lambda value: fmt.plain(value, 0),
    )


def _panel(
    kind: Literal["speed", "heat"],
    label: str,
    curve: Curve,
    end_s: float,
    place: tuple[float, float],
    domain: tuple[float, float],
    text: Callable[[float], str],
) -> Panel:
    """Return a panel.

    Args:
        kind: What it shows.
        label: What its axis is called.
        curve: The curve.
        end_s: When the load ended.
        place: Its top and its height.
        domain: The values at its lower and its upper end.
        text: Writes a value.
    """
    (top, height), (low, high) = place, domain

    def y(value: float) -> float:
        return round(top + height - (value - low) / (high - low) * height, 1)

    gap_s = math.inf if kind == "speed" else max(curves.GAP_S, 2 * end_s / _MOST_POINTS)
    points = curves.thinned(curve, end_s, _MOST_POINTS)
    ticks = _ticks(low, high, _SPEED_TICKS if kind == "speed" else _HEAT_TICKS)
    last = points[-1][1]
    return Panel(
        kind=kind,
        label=label,
        top=top,
        bottom=top + height,
        path=_path([(at_s, _x(at_s, end_s), y(value)) for at_s, value in points], gap_s),
        y_ticks=[(y(value), _tick_text(value, ticks)) for value in ticks],
        last=text(last),
        last_y=y(last),
    )


def _path(points: list[tuple[float, float, float]], gap_s: float) -> str:
    """Return the path through moments and pixels; it is broken where nothing is known."""
    parts = [f"M{points[0][1]} {points[0][2]}"]
    for before, point in itertools.pairwise(points):
        letter = "M" if point[0] - before[0] > gap_s else "L"
        parts.append(f"{letter}{point[1]} {point[2]}")
    return "".join(parts) if len(parts) > 1 else f"{parts[0]}h0"


def _x(at_s: float, end_s: float) -> float:
    return round(_LEFT + at_s / end_s * (WIDTH - _LEFT - _RIGHT), 1)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Return round values of an axis."""
    step = nice_step((high - low) / most)
    return [at * step for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _tick_text(value: float, ticks: list[float]) -> str:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    return fmt.plain(value, max(0, -math.floor(math.log10(step) + 1e-9)))


def nice_step(rough: float) -> float:
    """Return the smallest of 1, 2, 5, 10, ... times a power of ten that is not below ``rough``."""
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(n * magnitude for n in (1, 2, 5, 10) if n * magnitude >= rough * (1 - 1e-9))
