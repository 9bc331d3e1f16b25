"""Charts of several series: each its own line, of one colour and one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgeval.report.charts.chart import OF_PAGE, Palette, Spec

SHAPES: Final = (
    *("circle", "square", "triangle-up", "diamond", "cross"),
    *("triangle-down", "triangle-right"),
)


def series_spec(rows: Sequence[Spec], x: Spec, y: Spec, tooltip: Sequence[Spec]) -> Spec:
    """Return what draws the series of some rows: lines, intervals and points.

    Args:
        rows: The points; ``series`` says which each is of. Of a field ``F`` the interval is
            ``F_low`` to ``F_high``, where a row has one.
        x: The encoding of the horizontal axis, along which a series is joined.
        y: That of the vertical axis.
        tooltip: What is shown of a point.
    """
    series = by_series(OF_PAGE, list(dict.fromkeys(row["series"] for row in rows)))
    colour, field = {"color": series["color"]}, y["field"]
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "strokeWidth": 1.25, "strokeOpacity": 0.5},
            "encoding": {"x": x, "y": y, "order": {"field": x["field"]}, **colour},
        }
    ]
    low, high = f"{field}_low", f"{field}_high"
    if any(low in row for row in rows):
        layers.append(
            {
                "transform": [{"filter": f"isValid(datum.{low})"}],
                "mark": {"type": "rule", "strokeWidth": 1.5, "strokeOpacity": 0.6},
                "encoding": {"x": x, "y": y | {"field": low}, "y2": {"field": high}, **colour},
            }
        )
    layers.append(
        {
            "name": "points",
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": list(tooltip), **series},
        }
    )
    return {"data": {"values": list(rows)}, "layer": layers}


def by_series(palette: Palette, names: Sequence[str]) -> Spec:
    """Return the encoding of what a mark belongs to: by colour and by shape.

    There are eight colours and seven shapes, so that no two of 56 series look alike.
    """

    def encoding(ranges: Sequence[str]) -> Spec:
        picked = [ranges[at % len(ranges)] for at in range(len(names))]
        # One below another, names of any length are whole.
        legend: Spec = {"title": None, "direction": "vertical", "labelLimit": 320, "columns": 1}
        scale = {"domain": list(names), "range": picked}
        return {"field": "series", "type": "nominal", "scale": scale, "legend": legend}

    return {"color": encoding(palette.series), "shape": encoding(SHAPES)}
