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
    margin, reference = view.drifts[0].split.margin_points, rows[0]["type"]
    drawn = layers(named, "x", {"y": y}, margin, OF_IMAGE, reference=reference)
    spec = {"data": {"values": named}, "layer": drawn, "title": drift_title(view)}
    return whole(OF_IMAGE, spec, height=_STEP * len(rows))


def drift_title(view: RecordView[Report]) -> str:
    """Return what both show, if anything is compared."""
    reference = view.runs[0].run.label
    return f"Difference in accuracy to {reference}, in points; the band is ±{view.margin}"


def _against(axis: Axis, rows: Sequence[Spec], margin: float) -> Spec:
    shown = [row for row in rows if axis.field in row]
    across = {"x": axis.encoding, "tooltip": TOOLTIP}
    drawn = layers(shown, "y", across, margin, OF_PAGE, reference=rows[0]["type"])
    return {"data": {"values": shown}, "layer": drawn}


def layers(
    rows: Sequence[Spec],
    along: str,
    across: Spec,
    margin: float,
    palette: Palette,
    *,
    reference: str,
) -> list[Spec]:
    """Return what is drawn, from the back to the front.

    Args:
        rows: The types.
        along: The axis of differences: ``x`` or ``y``.
        across: The encoding of the other axis, and of what a reader points at.
        margin: How close accuracies are called equivalent, in points.
        palette: The colours.
        reference: What the differences are to.
    """
    difference = _quantity("difference")
    axis = {"title": f"points from {reference}", "tickCount": 6, "format": "+~r"}
    place = {along: difference | {"axis": axis}, **across}
    span = {along: _quantity("low"), f"{along}2": {"field": "high"}}
    ring = {"type": "point", "shape": "circle", "size": 420, "filled": False, "strokeWidth": 2}
    drawn: list[Spec] = [
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
        drawn.append(
            {
                "data": {"values": whiskers},
                "mark": {"type": "rule", "color": palette.ink, "strokeWidth": 1.5},
                "encoding": span | across,
            }
        )
    if recommended := [row for row in rows if row["is_recommended"]]:
        drawn.append(
            {
                "data": {"values": recommended},
                "mark": ring | {"stroke": palette.close, "opacity": 1},
                "encoding": place,
            }
        )
    outcomes = by_outcome(palette, [row["outcome"] for row in rows])
    drawn.append(
        {
            "name": "points",
            "mark": {"type": "point", "size": 90, "opacity": 1},
            "encoding": place | outcomes,
        }
    )
    return drawn


def _quantity(field: str) -> Spec:
    return {"field": field, "type": "quantitative"}
