"""Charts of what lies behind the differences: changes, looks, groups."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from edgeval.records import Report, Stopping
from edgeval.records.evidence import ChangeHistogram, GroupCounts
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import OF_PAGE, Chart, Choice, Spec, names, whole, whole_ticks
from edgeval.report.record_view import RecordView

_STEP = 26
"""Pixels of a row."""
_MOST_GROUPS = 25
"""Of a chart; the table below it has all that the record has."""


def changes_chart(view: RecordView[Report]) -> Chart | None:
    """Return how much the log-probabilities of choices changed, a type at a time."""
    evidence = view.record.evidence
    if evidence is None or not evidence.changes:
        return None
    edges = evidence.change_edges_nats
    return Chart(
        name="changes",
        title=f"Changes of the choices' log-probabilities from {view.runs[0].run.label}",
        description=f"Choices by how much their log-probability changed, from {edges[0]:g} to "
        f"{edges[-1]:g} nats; the table of flips has their mean and size.",
        choices=tuple(
            Choice(each.label, whole(OF_PAGE, _histogram(each, edges), height=220))
            for each in evidence.changes
        ),
        choice="of",
    )


def _histogram(counted: ChangeHistogram, edges: Sequence[float]) -> Spec:
    """Return the bars of one type, each as wide as the others: edges are further apart outwards."""
    ranges = [f"below {_nats(edges[0])}"]
    ranges += [f"{_nats(low)} to {_nats(high)}" for low, high in itertools.pairwise(edges)]
    ranges.append(f"from {_nats(edges[-1])}")
    rows = [
        {"range": each, "choices": count}
        for each, count in zip(ranges, counted.counts, strict=True)
    ]
    axis = {
        "title": "change, nats (wider ranges outwards)",
        "labelAngle": -45,
        "labelFontSize": 11,
        "ticks": False,
    }
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "color": OF_PAGE.close},
        "encoding": {
            "x": {"field": "range", "type": "ordinal", "sort": ranges, "axis": axis},
            "y": {"field": "choices", "type": "quantitative", "axis": {"title": "choices"}},
            "tooltip": [
                {"field": "range", "type": "nominal", "title": "nats"},
                {"field": "choices", "type": "quantitative", "format": ","},
            ],
        },
    }


def _nats(value: float) -> str:
    return f"{value:g}".replace("-", fmt.MINUS)


def looks_chart(view: RecordView[Report]) -> Chart | None:
    """Return the interval over the items of each type that stopped early; None where none did."""
    of_drift = bool(view.drifts)
    shown = [
        (run.run.label, run.run.stopping)
        for run in view.runs
        if run.run.stopping is not None
        and len(run.run.stopping.looks) > 1
        and of_drift == (run.drift is not None)
    ]
    if not shown:
        return None
    what = f"difference to {view.runs[0].run.label}" if of_drift else "accuracy"
    return Chart(
        name="looks",
        title=f"What was known of the {what} after so many items, in points",
        description="; ".join(
            f"{label} stopped after {stopping.n_items:,} items" for label, stopping in shown
        )
        + ".",
        choices=tuple(
            Choice(label, whole(OF_PAGE, _path(stopping, band=of_drift), height=240))
            for label, stopping in shown
        ),
        choice="of",
    )


def _path(stopping: Stopping, *, band: bool) -> Spec:
    """Return the estimate and its interval of one type, and the margin that it is held to."""
    rows = [
        {"items": each.n_items, "value": each.value_points}
        | {"low": each.low_points, "high": each.high_points}
        for each in stopping.looks
    ]
    x = {"field": "items", "type": "quantitative", "scale": {"type": "log", "nice": False}}
    x["axis"] = {"title": "items (logarithmic)", "format": ",d", "grid": False}
    y = {"field": "value", "type": "quantitative", "axis": {"title": "points", "tickCount": 6}}
    tooltip = [
        {"field": name, "type": "quantitative", "format": ",.2~f"}
        for name in ("items", "value", "low", "high")
    ]
    margin = {"low": -stopping.points, "high": stopping.points}
    layers: list[Spec] = [
        {
            "data": {"values": [margin]},
            "mark": {"type": "rect", "color": OF_PAGE.band, "opacity": 1},
            "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}},
        }
    ]
    return {
        "data": {"values": rows},
        "layer": [
            *(layers if band else ()),
            {
                "mark": {"type": "area", "color": OF_PAGE.muted, "opacity": 0.25},
                "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "line", "color": OF_PAGE.ink, "point": {"color": OF_PAGE.ink}},
                "encoding": {"x": x, "y": y, "tooltip": tooltip},
            },
        ],
    }


def groups_chart(view: RecordView[Report]) -> Chart | None:
    """Return the items lost and gained by group, a type at a time; None with one group."""
    evidence = view.record.evidence
    counted = [] if evidence is None else [each for each in evidence.groups if len(each.groups) > 1]
    if not counted:
        return None
    return Chart(
        name="groups",
        title=f"Items lost and gained by group, beside {view.runs[0].run.label}",
        description="The table of groups has the same numbers.",
        choices=tuple(
            Choice(each.label, whole(OF_PAGE, _bars(each), height=_STEP * _n_rows(each)))
            for each in counted
        ),
        choice="of",
    )


def _n_rows(counted: GroupCounts) -> int:
    return min(len(counted.groups), _MOST_GROUPS)


def _bars(counted: GroupCounts) -> Spec:
    shown = counted.groups[:_MOST_GROUPS]
    rows = [
        {"group": each.group, "items": sign * count, "what": what, "told": f"{count:,} {what}"}
        for each in shown
        for sign, count, what in ((-1, each.lost, "lost"), (1, each.gained, "gained"))
    ]
    colour = {
        "field": "what",
        "type": "nominal",
        "scale": {"domain": ["lost", "gained"], "range": [OF_PAGE.apart, OF_PAGE.close]},
        "legend": {"title": None},
    }
    axis = {
        "title": "items lost | gained",
        "labelExpr": "format(abs(datum.value), ',')",
        **whole_ticks(-max(each.lost for each in shown), max(each.gained for each in shown)),
    }
    x = {"field": "items", "type": "quantitative", "axis": axis, "stack": None}
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "height": 14},
        "encoding": {
            "y": names("group", [each.group for each in shown], OF_PAGE),
            "x": x,
            "color": colour,
            "tooltip": [{"field": name, "type": "nominal"} for name in ("group", "told")],
        },
    }
