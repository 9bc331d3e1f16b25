"""Charts of sustained loads: speed, heat and held clocks of several machines over one time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.records.sensors import Sustained
from edgeval.report import curves
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import OF_PAGE, Chart, Choice, Spec, whole
from edgeval.report.charts.series import SHAPES, by_series
from edgeval.report.curves import Curve

_SPEED_HEIGHT, _HEAT_HEIGHT, _LANE_HEIGHT = 160, 90, 16
_HEADING = 30
"""Pixels above a panel, of which its heading takes some."""

_MOST_POINTS = 300
_N_SIGNS: Final = 9
"""Of a line, which its machine is known by without its colour."""

_LEAST_S, _LEAST_SPEED = 1e-3, 1e-3
_LEAST_SPAN_C = 10.0
_UNITS: Final = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how long a time on it is told in what, and the seconds of that."""

_HELD: Final = "clocks held back"


@dataclass(frozen=True)
class _Time:
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
class _Panel:
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


def load_charts(loads: Mapping[str, Sustained], name: str) -> list[Chart]:
    """Return what draws some loads, as many at once as there are signs to tell them apart by.

    Args:
        loads: The loads by their machines; one that took no time is left out.
        name: What the charts are called on their page.
    """
    known = [(machine, each) for machine, each in loads.items() if has_time(each)]
    most = len(SHAPES)
    return [
        _chart(dict(known[at : at + most]), f"{name}-{at // most}")
        for at in range(0, len(known), most)
    ]


def has_time(load: Sustained) -> bool:
    """Return whether a load lasted long enough to be drawn."""
    return load.duration_s >= _LEAST_S and bool(curves.speeds(load))


def in_words(machine: str, load: Sustained) -> str:
    """Return a load as a sentence, for who does not see its chart."""
    told = [
        f"{machine}: {load.n_prompt:,} tokens again and again for {fmt.duration(load.duration_s)}",
        f"{fmt.rate(load.first)} tokens/s at first and {fmt.rate(load.steady)} in the last quarter",
    ]
    for device, heat in curves.temperatures(load).items():
        hottest = max(value for _, value in heat)
        told.append(f"{device} up to {fmt.plain(hottest, 0)} \N{DEGREE SIGN}C")
    if held := curves.held_back(load):
        told.append(f"{_HELD} for {fmt.duration(sum(end - begin for begin, end in held))}")
    return f"{'; '.join(told)}."


def _chart(loads: Mapping[str, Sustained], name: str) -> Chart:
    speeds = {machine: curves.speeds(each) for machine, each in loads.items()}
    choices = [_choice("tokens/s", speeds, loads)]
    if len(loads) > 1:
        # A fast machine leaves no room to see what a slow one loses.
        shares = {
            machine: [(at_s, 100 * value / loads[machine].first) for at_s, value in curve]
            for machine, curve in speeds.items()
        }
        choices.append(_choice("% of the first speed", shares, loads))
    return Chart(
        name=name,
        title="Speed and heat under sustained load",
        description=" ".join(in_words(machine, each) for machine, each in loads.items()),
        choices=tuple(choices),
        choice="show",
    )


def _choice(title: str, speeds: Mapping[str, Curve], loads: Mapping[str, Sustained]) -> Choice:
    time = _Time(max(each.duration_s for each in loads.values()))
    # From zero on: what is lost is seen as the share that it is.
    high = 1.05 * max(_LEAST_SPEED, *(value for curve in speeds.values() for _, value in curve))
    panels = [_Panel(title, speeds, (0.0, high), _SPEED_HEIGHT, 4, has_gaps=False), *_heats(loads)]
    layers: list[Spec] = []
    top = _HEADING
    series = by_series(OF_PAGE, list(loads))
    for panel in panels:
        layers.append(_drawn(panel, top, time, series, loads))
        top += panel.height + _HEADING
    held = _held(loads, time)
    if held:
        layers = [*_lanes(held, list(loads), top, time, series), *layers]
        top += _LANE_HEIGHT * len(loads) + _HEADING
    resolve = {"scale": {"y": "independent"}, "axis": {"y": "independent"}}
    spec = {"layer": layers, "resolve": resolve}
    return Choice(title, whole(OF_PAGE, spec, height=top - _HEADING + 8))


def _heats(loads: Mapping[str, Sustained]) -> list[_Panel]:
    """Return a panel of each device whose temperature any machine tells."""
    told = {machine: curves.temperatures(each) for machine, each in loads.items()}
    panels = []
    for device in dict.fromkeys(device for each in told.values() for device in each):
        heats = {machine: each[device] for machine, each in told.items() if device in each}
        values = [value for curve in heats.values() for _, value in curve]
        low, high = min(values), max(values)
        pad = max(0.1 * (high - low), (_LEAST_SPAN_C - (high - low)) / 2)
        title = f"{device} \N{DEGREE SIGN}C"
        panels.append(_Panel(title, heats, (low - pad, high + pad), _HEAT_HEIGHT, 3, has_gaps=True))
    return panels


def _drawn(
    panel: _Panel, top: int, time: _Time, series: Spec, loads: Mapping[str, Sustained]
) -> Spec:
    """Return the layers of a panel."""
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
        points = _points(machine, curve, loads[machine], time, has_gaps=panel.has_gaps)
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
    machine: str, curve: Curve, load: Sustained, time: _Time, *, has_gaps: bool
) -> list[Spec]:
    """Return the rows of a line, whose parts are apart where nothing is known."""
    end_s = load.duration_s
    points = curves.thinned(curve, end_s, _MOST_POINTS)
    gap_s = max(curves.GAP_S, 2 * end_s / _MOST_POINTS) if has_gaps else math.inf
    starts = [0, *(int(b[0] - a[0] > gap_s) for a, b in itertools.pairwise(points))]
    return [
        {"series": machine, "at": time.of(at_s), "value": _short(value), "part": part}
        for (at_s, value), part in zip(points, itertools.accumulate(starts), strict=True)
    ]


def _held(loads: Mapping[str, Sustained], time: _Time) -> list[Spec]:
    """Return a row for each time at which clocks were held back."""
    return [
        {"series": machine, "begin": time.of(begin), "end": time.of(end)}
        for machine, each in loads.items()
        for begin, end in curves.held_back(each)
    ]


def _lanes(
    held: Sequence[Spec], machines: Sequence[str], top: int, time: _Time, series: Spec
) -> list[Spec]:
    """Return a lane for each machine, shaded while its clocks were held back."""
    x = {"x": time.encoding | {"field": "begin"}, "x2": {"field": "end"}}
    bottom = top + _LANE_HEIGHT * len(machines)
    lanes: Spec = {"type": "nominal", "axis": None}
    lanes["scale"] = {"domain": list(machines), "range": [top, bottom], "padding": 0.2}
    y = {"y": lanes | {"field": "series"}}
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
                _heading(_HELD, top),
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
        across = {"y": {"value": _HEADING}, "y2": {"value": bottom}}
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
