"""Charts of sustained loads: speed, heat and held clocks of several machines over one time."""

from __future__ import annotations

from collections.abc import Mapping

from edgeval.records.sensors import Sustained
from edgeval.report import curves
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import OF_PAGE, Chart, Choice, Spec, whole
from edgeval.report.charts.load_panels import (
    HEADING,
    HELD,
    Panel,
    Time,
    held_rows,
    lanes,
    lanes_height,
    panel_layer,
)
from edgeval.report.charts.series import SHAPES, by_series
from edgeval.report.curves import Curve

_SPEED_HEIGHT, _HEAT_HEIGHT = 160, 90
_LEAST_S, _LEAST_SPEED = 1e-3, 1e-3
_LEAST_SPAN_C = 10.0


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
        told.append(f"{HELD} for {fmt.duration(sum(end - begin for begin, end in held))}")
    return f"{'; '.join(told)}."


def _chart(loads: Mapping[str, Sustained], name: str) -> Chart:
    speeds = {machine: curves.speeds(each) for machine, each in loads.items()}
    choices = [_choice("tokens/s", speeds, loads)]
    if len(loads) > 1:
        # A fast machine leaves no room to see what a slow one loses.
        shares = {
            machine: [
                (at_s, 100 * value / max(_LEAST_SPEED, loads[machine].first))
                for at_s, value in curve
            ]
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
    time = Time(max(each.duration_s for each in loads.values()))
    # From zero on: what is lost is seen as the share that it is.
    high = 1.05 * max(_LEAST_SPEED, *(value for curve in speeds.values() for _, value in curve))
    panels = [Panel(title, speeds, (0.0, high), _SPEED_HEIGHT, 4, has_gaps=False), *_heats(loads)]
    layers: list[Spec] = []
    top = HEADING
    series = by_series(OF_PAGE, list(loads))
    for panel in panels:
        layers.append(panel_layer(panel, top, time, series, loads))
        top += panel.height + HEADING
    held = held_rows(loads, time)
    if held:
        layers = [*lanes(held, list(loads), top, time, series), *layers]
        top += lanes_height(len(loads)) + HEADING
    resolve = {"scale": {"y": "independent"}, "axis": {"y": "independent"}}
    spec = {"layer": layers, "resolve": resolve}
    return Choice(title, whole(OF_PAGE, spec, height=top - HEADING + 8))


def _heats(loads: Mapping[str, Sustained]) -> list[Panel]:
    """Return a panel of each device whose temperature any machine tells."""
    told = {machine: curves.temperatures(each) for machine, each in loads.items()}
    panels = []
    for device in dict.fromkeys(device for each in told.values() for device in each):
        heats = {machine: each[device] for machine, each in told.items() if device in each}
        values = [value for curve in heats.values() for _, value in curve]
        low, high = min(values), max(values)
        pad = max(0.1 * (high - low), (_LEAST_SPAN_C - (high - low)) / 2)
        title = f"{device} \N{DEGREE SIGN}C"
        panels.append(Panel(title, heats, (low - pad, high + pad), _HEAT_HEIGHT, 3, has_gaps=True))
    return panels
