"""Charts of KL divergences: by type, and by the position of the token that is predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from edgeval.errors import counted
from edgeval.records import Drift, MeanDivergence, PositionDivergence, Report
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import OF_PAGE, Chart, Choice, Spec, names, tooltip, whole
from edgeval.report.charts.series import series_spec
from edgeval.report.divergences import range_in_words
from edgeval.report.record_view import RecordView

_STEP: Final = 26
"""Pixels of a row."""
_MOST_LINES: Final = 8
"""Of one chart: as many as have a colour of their own."""


def divergence_chart(view: RecordView[Report]) -> Chart | None:
    """Return the KL divergence of each type, with its standard error; None where none is known."""
    rows = [row for drift in view.drifts if (row := _divergence(drift)) is not None]
    if not rows:
        return None
    y = names("type", [row["type"] for row in rows], OF_PAGE)
    x = {
        "field": "kl",
        "type": "quantitative",
        "scale": {"type": "log"},
        "axis": {"title": "KL divergence, nats (logarithmic)", "grid": False, "format": "~g"},
    }
    tooltip = [{"field": name, "type": "nominal"} for name in ("type", "told")]
    layers = [
        {
            "mark": {"type": "rule", "color": OF_PAGE.ink},
            "encoding": {"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"}},
        },
        {
            "name": "points",
            "mark": {"type": "point", "filled": True, "size": 90, "color": OF_PAGE.ink},
            "encoding": {"y": y, "x": x, "tooltip": tooltip},
        },
    ]
    spec = {"data": {"values": rows}, "layer": layers}
    return Chart(
        name="divergence",
        title=f"How far next-token distributions are from those of {view.runs[0].run.label}, "
        f"on {_items(view)}",
        description="; ".join(f"{row['type']}: {row['told']}" for row in rows) + ".",
        choices=(Choice("", whole(OF_PAGE, spec, height=_STEP * len(rows))),),
    )


def _divergence(drift: Drift) -> Spec | None:
    found = drift.divergence
    if found is None or found.best_nats <= 0:
        return None
    return {"type": drift.label, **_ends("", found), "told": _told(found)}


def _ends(prefix: str, found: MeanDivergence) -> Spec:
    """Return a divergence and its interval, for a logarithmic axis, which has no zero."""
    kl, error = found.best_nats, found.best_error_nats or 0.0
    return {"kl": kl, f"{prefix}low": max(kl - error, kl / 10), f"{prefix}high": kl + error}


def _told(found: MeanDivergence) -> str:
    error = found.best_error_nats
    return fmt.nats(found.best_nats) + (f" ± {fmt.nats(error)}" if error else "") + " nats"


def position_chart(view: RecordView[Report]) -> Chart | None:
    """Return the KL divergence of each type by position; None where all scored tokens have one."""
    known = [drift for drift in view.drifts if len(_positions(drift)) > 1]
    parts = [known[at : at + _MOST_LINES] for at in range(0, len(known), _MOST_LINES)]
    if not known:
        return None
    choices = [Choice(_of(part), whole(OF_PAGE, _lines(part), height=240)) for part in parts]
    return Chart(
        name="positions",
        title=f"KL divergence from {view.runs[0].run.label} by the token of a choice, "
        f"on {_items(view)}",
        description=" ".join(_trend(drift) for drift in known),
        choices=tuple(choices),
        choice="of",
    )


def _positions(drift: Drift) -> list[PositionDivergence]:
    found = [] if drift.divergence is None else drift.divergence.by_position
    # What one item says is no mean of items; and a logarithmic axis has no zero.
    return [each for each in found if each.n_items > 1 and each.best_nats > 0]


def _items(view: RecordView[Report]) -> str:
    """Return on how many items distributions are compared: fewer than are evaluated, as a rule."""
    counts = [drift.divergence.n_items for drift in view.drifts if drift.divergence is not None]
    least, most = min(counts), max(counts)
    return f"{least:,} to {most:,} items" if least < most else counted(most, "item")


def _of(part: Sequence[Drift]) -> str:
    ends = list(dict.fromkeys((part[0].label, part[-1].label)))
    return " to ".join(ends)


def _trend(drift: Drift) -> str:
    first, *_, last = _positions(drift)
    return (
        f"{drift.label}: {_told(first)} at token {range_in_words(first)}, "
        f"{_told(last)} at token {range_in_words(last)}."
    )


def _lines(drifts: Sequence[Drift]) -> Spec:
    title = "from this token of a choice on"
    x = {"field": "first", "type": "ordinal", "axis": {"title": title, "labelAngle": 0}}
    axis = {"title": "nats (logarithmic)", "format": "~g", "tickCount": 4}
    scale = {"type": "log", "nice": False, "padding": 12}
    y = {"field": "kl", "type": "quantitative", "scale": scale, "axis": axis}
    shown = tooltip(series="type", tokens="token", told="KL divergence", positions="positions")
    return series_spec([row for drift in drifts for row in _points(drift)], x, y, shown)


def _points(drift: Drift) -> Iterator[Spec]:
    for each in _positions(drift):
        row = {"series": drift.label, "first": each.first, **_ends("kl_", each)}
        row |= {"tokens": range_in_words(each), "told": _told(each)}
        yield row | {"positions": f"{each.n_positions:,}"}
