"""Chart of quality: what each type is worth against what it costs, and which none beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.records import Claim, Report
from edgeval.records.claims import NOT_STATED
from edgeval.report import formatting as fmt
from edgeval.report.charts.axes import Axis, known_axes
from edgeval.report.charts.chart import (
    OF_PAGE,
    Chart,
    Choice,
    Palette,
    Spec,
    by_outcome,
    labels,
    whole,
)
from edgeval.report.charts.rows import TOOLTIP, compared_rows
from edgeval.report.record_view import RecordView

_HEIGHT = 300


@dataclass(frozen=True)
class Worth:
    """What a type is worth.

    Attributes:
        label: What a reader chooses.
        field: The column of a chart's rows.
        title: The title of the axis, with its unit.
        less_is_better: Whether a reader wants little of it.
    """

    label: str
    field: str
    title: str
    less_is_better: bool = False


KL = Worth("KL divergence", "kl", "KL divergence, nats (logarithmic)", less_is_better=True)


def quality_chart(view: RecordView[Report]) -> Chart | None:
    """Return accuracy and KL divergence against size and speed; None for one type alone."""
    rows = compared_rows(view)
    if len(rows) < 2:
        return None
    accuracy = Worth("accuracy", "accuracy", f"{view.record.protocol.metric}, %")
    choices, best = [], []
    for worth in (accuracy, KL):
        for axis in known_axes(rows):
            shown = [row for row in rows if _is_drawn(row, axis, worth)]
            if axis.field == "bits" or len(shown) < 2:
                continue
            claim = _claim(view.record) if worth is accuracy else None
            spec = _spec(shown, axis, worth, claim)
            label = f"{worth.label} against {axis.label}"
            choices.append(Choice(label, whole(OF_PAGE, spec, height=_HEIGHT)))
            best.append(
                f"{label}: {', '.join(row['type'] for row in unbeaten(shown, axis, worth))}"
            )
    return Chart(
        name="quality",
        title="The line joins the types that no other beats in both",
        description=f"No other type is better in both: {'; '.join(best)}.",
        choices=tuple(choices),
        choice="show",
        labels=labels(OF_PAGE, below=True),
    )


def unbeaten(rows: Sequence[Spec], axis: Axis, worth: Worth) -> list[Spec]:
    """Return the rows that no other beats: cheaper and worth as much, or worth more for as much.

    They are the Pareto front, the cheapest first.
    """
    cost, value = (-1 if axis.more_is_better else 1), (-1 if worth.less_is_better else 1)
    front: list[Spec] = []
    for row in sorted(rows, key=lambda row: (cost * row[axis.field], -value * row[worth.field])):
        if not front or value * row[worth.field] > value * front[-1][worth.field]:
            front.append(row)
    return front


def _is_drawn(row: Spec, axis: Axis, worth: Worth) -> bool:
    """Return whether both are known, and have a place: zero has none on a logarithmic axis."""
    known = row.get(axis.field) is not None and row.get(worth.field) is not None
    return known and (worth is not KL or row["kl"] > 0)


def _claim(report: Report) -> Claim | None:
    """Return the first published number if it is of the metric that is drawn."""
    if not report.verdicts or report.verdicts[0].protocol_match == "mismatch":
        return None
    claim = report.claims[0]
    return claim if claim.metric in (NOT_STATED, report.protocol.metric) else None


def _spec(rows: Sequence[Spec], axis: Axis, worth: Worth, claim: Claim | None) -> Spec:
    palette, x = OF_PAGE, axis.encoding
    scale = {"type": "log"} if worth is KL else {"zero": False}
    y = {
        "field": worth.field,
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": worth.title},
    }
    # Whatever is drawn of accuracies has one scale.
    layers = [] if claim is None else _published(claim, palette)
    layers.append(
        {
            "data": {"values": unbeaten(rows, axis, worth)},
            "mark": {"type": "line", "color": palette.muted, "strokeDash": [5, 4]},
            "encoding": {"x": x, "y": y, "order": {"field": worth.field}},
        }
    )
    whiskers = [row for row in rows if worth is not KL and "accuracy_low" in row]
    if whiskers:
        layers.append(
            {
                "data": {"values": whiskers},
                "mark": {"type": "rule", "color": palette.rule, "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y | {"field": "accuracy_low"}}
                | {"y2": {"field": "accuracy_high"}},
            }
        )
    points = {"x": x, "y": y, "tooltip": TOOLTIP}
    layers.append(
        {
            "name": "points",
            "mark": {"type": "point", "size": 90, "opacity": 1},
            "encoding": points | by_outcome(palette, [row["outcome"] for row in rows]),
        }
    )
    return {"data": {"values": list(rows)}, "layer": layers}


def _published(claim: Claim, palette: Palette) -> list[Spec]:
    """Return the layers of a published number, with its tolerance."""
    value, tolerance = claim.value, claim.tolerance_points
    told = f"published {claim.printed} ± {fmt.points(tolerance)}"
    row = {"value": value, "low": value - tolerance, "high": value + tolerance, "told": told}
    y = {"type": "quantitative", "scale": {"zero": False}}
    return [
        {
            "data": {"values": [row]},
            "mark": {"type": "rect", "color": palette.band, "opacity": 1},
            "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": {"values": [row]},
            "mark": {"type": "rule", "color": palette.ink, "strokeDash": [2, 2]},
            "encoding": {"y": y | {"field": "value"}},
        },
        {
            "data": {"values": [row]},
            "mark": {"type": "text", "align": "right", "baseline": "bottom", "dx": -4, "dy": -3},
            "encoding": {
                "x": {"value": "width"},
                "y": y | {"field": "value"},
                "text": {"field": "told"},
            },
        },
    ]
