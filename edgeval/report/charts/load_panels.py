"""Panels of the chart of sustained loads: lines of a figure, and lanes of held clocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.records.sensors import Sustained
from edgeval.report import curves
from edgeval.report.charts.chart import OF_PAGE, Spec
from edgeval.report.curves import Curve

HEADING = 30
"""Pixels above a panel, of which its heading takes some."""

HELD: Final = "clocks held back"

_LANE_HEIGHT = 16
_MOST_POINTS, _MOST_MARKS = 300, 900
"""Of a line, and of all lines of a panel: nobody sees more, and pages are to stay small."""
_N_SIGNS: Final = 9
"""Of a line, which its machine is known by without its colour."""
_UNITS: Final = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how long a time on it is told in what, and the seconds of that."""


@dataclass(frozen=True)
class Time:
    """The axis of time.

    Attributes:
        end_s: When the longest load ended.
    """

    end_s: float

    @property
    def unit(self) -> tuple[float, str]:
        """The seconds of its unit, and what that is called."""
        return next(each[1:] for each in _UNITS if self.end_s >= each[0])

    def of(self, at_s: float) -> float:
        """Return a moment in that unit."""
        return _short(at_s / self.unit[0])

    @property
    def encoding(self) -> Spec:
        """Its encoding."""
        seconds, unit = self.unit
        return {
            "field": "at",
            "type": "quantitative",
            "scale": {"domain": [0, self.end_s / seconds], "nice": False},
            "axis": {"title": f"{unit} of load", "grid": False, "tickCount": 8},
        }


@dataclass(frozen=True)
class Panel:
    """One figure of all machines, with its own vertical axis.

    Attributes:
        title: What it is called.
        curves: By machine.
        domain: The values at its lower and its upper end.
        height: Pixels.
        n_ticks: About how many ticks it has.
        has_gaps: Whether nobody knows what was between points that are far from each other.
    """

    title: str
    curves: Mapping[str, Curve]
    domain: tuple[float, float]
    height: int
    n_ticks: int
    has_gaps: bool


def panel_layer(
    panel: Panel, top: int, time: Time, series: Spec, loads: Mapping[str, Sustained]
) -> Spec:
    """Return the layers of a panel.

    Args:
        panel: The panel.
        top: Where it is, in pixels.
        time: The axis of time.
        series: The encoding of machines.
        loads: The loads by their machines.
    """
    bottom = top + panel.height
    axis: Spec = {"title": None, "orient": "left", "tickCount": panel.n_ticks, "domain": False}
    place = {
        "x": time.encoding,
        "y": {
            "field": "value",
            "type": "quantitative",
            "scale": {"domain": list(panel.domain), "nice": False, "range": [bottom, top]},
            "axis": axis | {"grid": True, "ticks": False, "labelPadding": 8},
        },
    }
    rows: list[Spec] = []
    signs: list[Spec] = []
    names = list(loads)
    for machine, curve in panel.curves.items():
        most = min(_MOST_POINTS, _MOST_MARKS // len(loads))
        points = _points(machine, curve, loads[machine], time, most, has_gaps=panel.has_gaps)
        rows += points
        step = max(1, len(points) // _N_SIGNS)
        # Where lines lie upon each other, their signs lie side by side.
        signs += points[step * names.index(machine) // len(names) :: step]
    told = [
        {"field": "series", "type": "nominal", "title": "machine"},
        {"field": "at", "type": "quantitative", "title": time.unit[1], "format": ".2~f"},
        {"field": "value", "type": "quantitative", "title": panel.title, "format": ",.4~r"},
    ]
    colour = {"color": series["color"]}
    line = {"type": "line", "strokeWidth": 1.75, "strokeCap": "round", "strokeJoin": "round"}
    detail = {"field": "part", "type": "nominal"}
    return {
        "data": {"values": rows},
        "layer": [
            _heading(panel.title, top),
            {"mark": line, "encoding": place | colour | {"detail": detail}},
            {
                "data": {"values": signs},
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": place | series,
            },
            {
                "mark": {"type": "point", "size": 150, "opacity": 0},
                "encoding": place | {"tooltip": told},
            },
        ],
    }


def _points(
    machine: str, curve: Curve, load: Sustained, time: Time, most: int, *, has_gaps: bool
) -> list[Spec]:
    """Return the rows of a line, whose parts are apart where nothing is known."""
    end_s = load.duration_s
    points = curves.thinned(curve, end_s, most)
    gap_s = max(curves.GAP_S, 2 * end_s / most) if has_gaps else math.inf
    starts = [0, *(int(b[0] - a[0] > gap_s) for a, b in itertools.pairwise(points))]
    return [
        {"series": machine, "at": time.of(at_s), "value": _short(value), "part": part}
        for (at_s, value), part in zip(points, itertools.accumulate(starts), strict=True)
    ]


def held_rows(loads: Mapping[str, Sustained], time: Time) -> list[Spec]:
    """Return a row for each time at which clocks were held back, as far as they are seen apart."""
    return [
        {"series": machine, "begin": time.of(begin), "end": time.of(end)}
        for machine, each in loads.items()
        for begin, end in _joined(curves.held_back(each), time.end_s / _MOST_POINTS)
    ]


def _joined(spans: Sequence[tuple[float, float]], apart_s: float) -> list[tuple[float, float]]:
    """Return spans of which those that are closer to each other are one."""
    joined: list[tuple[float, float]] = []
    for begin, end in spans:
        if joined and begin - joined[-1][1] < apart_s:
            begin = joined.pop()[0]
        joined.append((begin, end))
    return joined


def lanes_height(n_machines: int) -> int:
    """Return the pixels of so many lanes."""
    return _LANE_HEIGHT * n_machines


def lanes(
    held: Sequence[Spec], machines: Sequence[str], top: int, time: Time, series: Spec
) -> list[Spec]:
    """Return a lane for each machine, with a bar while its clocks were held back.

    Args:
        held: The bars.
        machines: The machines, in their order.
        top: Where the first lane is, in pixels.
        time: The axis of time.
        series: The encoding of machines.
    """
    x = {"x": time.encoding | {"field": "begin"}, "x2": {"field": "end"}}
    bottom = top + lanes_height(len(machines))
    lane: Spec = {"type": "nominal", "axis": None}
    lane["scale"] = {"domain": list(machines), "range": [top, bottom], "padding": 0.2}
    y = {"y": lane | {"field": "series"}}
    told = [
        {"field": "series", "type": "nominal", "title": "machine"},
        *(
            {"field": end, "type": "quantitative", "title": f"{word} {time.unit[1]}"}
            | {"format": ".2~f"}
            for end, word in (("begin", "from"), ("end", "to"))
        ),
    ]
    drawn: list[Spec] = [
        {
            "data": {"values": list(held)},
            "layer": [
                _heading(HELD, top),
                {
                    "mark": {"type": "bar"},
                    "encoding": x | y | {"color": series["color"], "tooltip": told},
                },
                {
                    "data": {"values": [{"series": each} for each in machines]},
                    "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                    "encoding": {"x": {"value": -12}, **y, **series},
                },
            ],
        }
    ]
    if len(machines) == 1:
        # Of several machines, whose times these are would not be seen.
        shade = {"type": "rect", "color": OF_PAGE.rule, "opacity": 0.5}
        across = {"y": {"value": HEADING}, "y2": {"value": bottom}}
        drawn.insert(0, {"data": {"values": list(held)}, "mark": shade, "encoding": x | across})
    return drawn


def _heading(text: str, top: int) -> Spec:
    """Return the heading of a panel: a title beside its axis would take width from phones."""
    return {
        "data": {"values": [{"title": text}]},
        "mark": {"type": "text", "align": "left", "baseline": "bottom", "fontWeight": 600},
        "encoding": {
            "x": {"value": 0},
            "y": {"value": top - 6},
            "text": {"field": "title"},
        },
    }


def _short(value: float) -> float:
    """Return a number with as many digits as a drawing shows, which is read by every page."""
    return float(f"{value:.6g}")
