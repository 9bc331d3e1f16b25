"""Chart of drift: how far each type is from the reference, with intervals and the margin."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.records import Report
from edgeval.report.charts.axes import Axis, known_axes
from edgeval.report.charts.chart import (
    OF_IMAGE,
    OF_PAGE,
    Chart,
    Choice,
    Palette,
    Spec,
    by_outcome,
    labels,
    names,
    whole,
)
from edgeval.report.charts.rows import TOOLTIP, compared_rows, in_words
from edgeval.report.record_view import RecordView

_HEIGHT = 300
_STEP = 26
"""Pixels of a type's row in an image."""


def drift_chart(view: RecordView[Report]) -> Chart | None:
    """Return the differences to the reference for a page; None where nothing was compared."""
    rows = compared_rows(view)
    if len(rows) < 2:
        return None
    margin = view.drifts[0].split.margin_points
    return Chart(
        name="drift",
        title=drift_title(view),
        description="; ".join(map(in_words, rows)) + ".",
        choices=tuple(
            Choice(axis.label, whole(OF_PAGE, _against(axis, rows, margin), height=_HEIGHT))
            for axis in known_axes(rows)
        ),
        choice="against",
        labels=labels(OF_PAGE),
    )


def drift_image(view: RecordView[Report]) -> Spec | None:
    """Return the same for an image, a row a type, whose names cover each other at no width."""
    rows = compared_rows(view)
    if len(rows) < 2:
        return None
    named = [row | {"label": f"{row['label']}  {row['told_size']}"} for row in rows]
    y = names("label", [row["label"] for row in named], OF_IMAGE)
    layers = _layers(named, "x", {"y": y}, view.drifts[0].split.margin_points, OF_IMAGE)
    spec = {"data": {"values": named}, "layer": layers, "title": drift_title(view)}
    return whole(OF_IMAGE, spec, height=_STEP * len(rows))


def drift_title(view: RecordView[Report]) -> str:
    """Return what both show, if anything is compared."""
    return f"Difference in accuracy to {view.runs[0].run.label}, in points"


def _against(axis: Axis, rows: Sequence[Spec], margin: float) -> Spec:
    shown = [row for row in rows if axis.field in row]
    layers = _layers(shown, "y", {"x": axis.encoding}, margin, OF_PAGE)
    return {"data": {"values": shown}, "layer": layers}


def _layers(
    rows: Sequence[Spec], along: str, across: Spec, margin: float, palette: Palette
) -> list[Spec]:
    """Return what is drawn, from the back to the front.

    Args:
        rows: The types.
        along: The axis of differences: ``x`` or ``y``.
        across: The encoding of the other axis.
        margin: How close accuracies are called equivalent, in points.
        palette: The colours.
    """
    difference = _quantity("difference")
    axis = {"title": f"points from {rows[0]['type']}", "tickCount": 6, "format": "+~r"}
    place = {along: difference | {"axis": axis}, **across}
    span = {along: _quantity("low"), f"{along}2": {"field": "high"}}
    ring = {"type": "point", "shape": "circle", "size": 420, "filled": False, "strokeWidth": 2}
    layers: list[Spec] = [
        {
            "data": {"values": [{"low": -margin, "high": margin}]},
            "mark": {"type": "rect", "color": palette.band, "opacity": 1},
            "encoding": span,
        },
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": palette.ink, "strokeWidth": 1.25},
            "encoding": {along: _quantity("zero")},
        },
    ]
    if whiskers := [row for row in rows if "low" in row]:
        layers.append(
            {
                "data": {"values": whiskers},
                "mark": {"type": "rule", "color": palette.ink, "strokeWidth": 1.5},
                "encoding": span | across,
            }
        )
    if recommended := [row for row in rows if row["is_recommended"]]:
        layers.append(
            {
                "data": {"values": recommended},
                "mark": ring | {"stroke": palette.close, "opacity": 1},
                "encoding": place,
            }
        )
    outcomes = by_outcome(palette, [row["outcome"] for row in rows])
    layers.append(
        {
            "name": "points",
            "mark": {"type": "point", "size": 90, "opacity": 1},
            "encoding": place | {"tooltip": TOOLTIP} | outcomes,
        }
    )
    return layers


def _quantity(field: str) -> Spec:
    return {"field": field, "type": "quantitative"}
