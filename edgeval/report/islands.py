"""Islands: what the script of a page reads, as JSON that cannot end the element it stands in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from edgeval.records import Report
from edgeval.records.evidence import ToldFlip
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import Chart, visible
from edgeval.report.record_view import RecordView


def chart_island(chart: Chart) -> Markup:
    """Return what draws a chart: a specification for each choice, and its labels."""
    return _json({"specs": [each.spec for each in chart.choices], "labels": chart.labels})


def without(flips: Sequence[ToldFlip], n_bytes: int) -> Sequence[ToldFlip]:
    """Return flips of which the last are left out, until an island is so much smaller."""
    for n_left in range(len(flips), 0, -1):
        if n_bytes <= 0:
            return flips[:n_left]
        n_bytes -= len(_json(_flip(flips[n_left - 1])).encode("utf-8"))
    return ()


def flips_island(view: RecordView[Report], flips: Sequence[ToldFlip]) -> Markup:
    """Return the flips that a page shows side by side, their numbers as texts."""
    metric = view.record.protocol.metric
    return _json(
        {
            "reference": view.runs[0].run.label,
            # Without another metric, picks are of the most likely choice.
            "metric": None if metric == "acc" else metric,
            "flips": list(map(_flip, flips)),
        }
    )


def _flip(flip: ToldFlip) -> dict[str, Any]:
    return {
        "label": flip.label,
        "kind": "lost" if flip.is_lost else "gained",
        "item": flip.item,
        "group": flip.group,
        "context": flip.context,
        "choices": flip.choices,
        "gold": flip.gold,
        "reference_pick": flip.reference_pick,
        "pick": flip.pick,
        "reference_logprobs": [fmt.plain(each, 2) for each in flip.reference_logprobs],
        "logprobs": [fmt.plain(each, 2) for each in flip.logprobs],
        "reference_values": [fmt.plain(each, 4) for each in flip.reference_values],
        "values": [fmt.plain(each, 4) for each in flip.values],
    }


def _json(value: object) -> Markup:
    text = json.dumps(visible(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "&<>'":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
