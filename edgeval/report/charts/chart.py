"""Charts: what they have in common, and how Vega-Lite's specifications are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edgeval.report.record_view import RunOutcome
from edgeval.system import escapes

Spec = dict[str, Any]
"""A specification of Vega-Lite, or a part of one; of what JSON holds."""

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"

_IMAGE_WIDTH: Final = 640
_PART_WIDTH: Final = 480
"""Pixels; names stand beside a part."""

_FEW: Final = 5
"""Ticks that an axis has room for."""

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"

OUTCOMES: Final[tuple[RunOutcome, ...]] = ("reference", "equivalent", "different", "worse", "open")
_SHAPES: Final = ("square", "circle", "diamond", "diamond", "circle")


@dataclass(frozen=True)
class Palette:
    """Colours of a chart, each as CSS has it.

    Attributes:
        paper: What is behind it.
        ink: Text, and what stands for nothing else.
        muted: Titles of axes, and ticks.
        rule: The grid.
        band: What is close enough.
        close: What is shown to be close enough.
        apart: What is shown to be too far away.
        series: What tells several series apart, which shapes do too.
    """

    paper: str
    ink: str
    muted: str
    rule: str
    band: str
    close: str
    apart: str
    series: tuple[str, ...]


OF_PAGE: Final = Palette(
    paper="var(--paper)",
    ink="var(--ink)",
    muted="var(--muted)",
    rule="var(--rule)",
    band="var(--band)",
    close="var(--close)",
    apart="var(--apart)",
    series=tuple(f"var(--series-{number})" for number in range(1, 9)),
)
"""The page's own, which follow the reader's scheme, and paper where it is printed."""

OF_IMAGE: Final = Palette(
    paper="#ffffff",
    ink="#1c1d1f",
    muted="#5d6065",
    rule="#dcdcd7",
    band="#e4efe9",
    close="#17705c",
    apart="#b23c17",
    series=("#17705c", "#b23c17", "#1d5a9a", "#8a5a00", "#6b3fa0", "#00788a", "#a0336b", "#4b5a2a"),
)
"""Those of an image, which is light everywhere."""


@dataclass(frozen=True)
class Choice:
    """One way to draw a chart.

    Attributes:
        label: What a reader chooses.
        spec: Vega-Lite's specification.
    """

    label: str
    spec: Spec


@dataclass(frozen=True)
class Chart:
    """One chart of a page.

    Attributes:
        name: A word that no other has, for anchors and files.
        title: What it shows.
        description: The same in words with its numbers, for who does not see it.
        choices: The ways to draw it, the first one first; a reader chooses by ``choice``.
        choice: What is chosen, for example ``against``; empty where there is one way.
        labels: What draws its labels, as a mark of Vega, for Vega-Lite lets labels cover each
            other; None without any.
    """

    name: str
    title: str
    description: str
    choices: tuple[Choice, ...]
    choice: str = ""
    labels: Spec | None = field(default=None)


def config(palette: Palette) -> Spec:
    """Return how all charts look."""
    axis = {
        "labelColor": palette.muted, "titleColor": palette.muted, "gridColor": palette.rule,
        "domainColor": palette.muted, "tickColor": palette.muted, "labelFontSize": 12,
        "titleFontSize": 12, "titleFontWeight": 400, "labelOverlap": "greedy",
    }  # fmt: skip
    legend = {"labelColor": palette.ink, "labelFontSize": 12, "titleColor": palette.muted}
    return {
        "font": FONT,
        "background": "transparent" if palette is OF_PAGE else palette.paper,
        "aria": False,
        "view": {"stroke": None},
        "axis": axis,
        "legend": legend | {"titleFontWeight": 400, "orient": "bottom", "symbolSize": 90},
        "header": {"labelColor": palette.ink, "titleColor": palette.muted, "labelFontSize": 12},
        "text": {"color": palette.ink, "fontSize": 12},
        "title": {"anchor": "start", "color": palette.ink, "fontSize": 14},
    }


def whole(palette: Palette, spec: Spec, *, height: int) -> Spec:
    """Return a specification that can be drawn, as wide as there is room for."""
    width = "container" if palette is OF_PAGE else _IMAGE_WIDTH
    return {
        "$schema": SCHEMA,
        "width": width,
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": config(palette),
        **spec,
    }


def still(chart: Chart | None) -> Spec | None:
    """Return the first way to draw a chart, with its title: for one of an image's colours."""
    if chart is None:
        return None
    return chart.choices[0].spec | {"title": _title(chart.title)}


def part(title: str, spec: Spec, *, height: int) -> Spec:
    """Return a part of an image that ``stacked`` puts together, below a title of its own.

    Args:
        title: The title; what is longer than the part is wide is cut.
        spec: A specification without what ``whole`` adds.
        height: Pixels.
    """
    heading = {"text": title, "fontSize": 12, "limit": _PART_WIDTH}
    return spec | {"title": heading, "width": _PART_WIDTH, "height": height}


def stacked(palette: Palette, parts: Sequence[Spec], *, title: str) -> Spec:
    """Return a specification of parts one below another, which have one axis and one legend.

    Args:
        palette: The colours.
        parts: What ``part`` has made.
        title: What stands above them.
    """
    alike = dict.fromkeys(("x", "fill", "stroke", "shape"), "shared")
    return {
        "$schema": SCHEMA,
        "title": _title(title),
        "vconcat": list(parts),
        "spacing": 14,
        "resolve": {"scale": alike},
        "config": config(palette),
    }


def _title(text: str) -> Spec:
    return {"text": text, "offset": 14}


def by_outcome(palette: Palette, shown: Sequence[RunOutcome]) -> Spec:
    """Return the encoding of outcomes: by shape and by fill, so that neither needs colours."""
    fills = (palette.ink, palette.close, palette.paper, palette.apart, palette.paper)
    strokes = (palette.ink, palette.close, palette.ink, palette.apart, palette.ink)
    known = [each for each in OUTCOMES if each in shown]

    def encoding(ranges: Sequence[str]) -> Spec:
        picked = [ranges[OUTCOMES.index(each)] for each in known]
        scale = {"domain": known, "range": picked}
        return {"field": "outcome", "type": "nominal", "scale": scale, "legend": {"title": None}}

    return {
        "shape": encoding(_SHAPES),
        "fill": encoding(fills),
        "stroke": encoding(strokes),
    }


_LABEL: Final = "width < 420 && datum.datum.is_recommended ? datum.datum.type : datum.datum.label"
"""On a phone there is no room for more than a name."""


def labels(palette: Palette, *, below: bool = False) -> Spec:
    """Return the labels of the layer ``points``: each beside its mark where there is room.

    It is Vega's ``label`` transform, which leaves out what would cover another.

    Args:
        palette: The colours.
        below: Whether they stand below their marks rather than above them.
    """
    sides = ("bottom", "top") if below else ("top", "bottom")
    anchors = [f"{side}-{end}" for end in ("right", "left") for side in sides]
    return {
        "type": "text",
        "from": {"data": "points_marks"},
        "interactive": False,
        "encode": {
            "update": {"text": {"signal": _LABEL}},
            "enter": {
                "font": {"value": FONT},
                "fontSize": {"value": 12},
                "fontWeight": {"signal": "datum.datum.is_recommended ? 700 : 500"},
                "fill": {"value": palette.ink},
            },
        },
        "transform": [
            {
                "type": "label",
                # A page that is not laid out yet has no width, and the transform fails without one.
                "size": {"signal": "[max(width, 1), max(height, 1)]"},
                "anchor": [*anchors, *sides],
                "offset": [4],
                "avoidBaseMark": True,
                "sort": {"field": "datum.rank"},
            }
        ],
    }


def tooltip(**titles: str) -> list[Spec]:
    """Return what is shown of a mark that somebody points at: titles by their fields of texts."""
    return [{"field": field, "type": "nominal", "title": title} for field, title in titles.items()]


def visible(spec: Any) -> Any:
    """Return a specification, or a part of one, with texts of which everything is seen.

    Lines stay lines.
    """
    if isinstance(spec, str):
        return "\n".join(map(escapes.visible, spec.split("\n")))
    if isinstance(spec, dict):
        return {name: visible(each) for name, each in spec.items()}
    return [visible(each) for each in spec] if isinstance(spec, list | tuple) else spec


def whole_ticks(least: int, most: int) -> Spec:
    """Return what gives an axis of counts no ticks between whole numbers.

    Vega's ``tickMinStep`` alone still has halves where the counts are few.
    """
    if most - least > _FEW:
        return {"tickMinStep": 1}
    return {"values": list(range(least, most + 1)), "format": "d"}


def names(field: str, known: Sequence[str], palette: Palette) -> Spec:
    """Return an axis of names, each written out, in their order."""
    axis: Spec = {"title": None, "ticks": False, "domain": False, "grid": False}
    axis |= {"labelLimit": 300, "labelColor": palette.ink, "labelOverlap": False}
    return {"field": field, "type": "nominal", "sort": list(known), "axis": axis}
