"""Chart of several tasks: each type's difference on each of them, and over all."""

from __future__ import annotations

from edgeval.records import Drift, Interval, PooledDrift
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import (
    OF_IMAGE,
    OF_PAGE,
    Chart,
    Choice,
    Palette,
    Spec,
    by_outcome,
    names,
    part,
    stacked,
    tooltip,
    whole,
)
from edgeval.report.charts.drift import drift_title, layers
from edgeval.report.suite.view import SuiteView

_STEP = 28
"""Pixels of a row."""
_IMAGE_STEP = 22
_MOST_ROWS = 60
"""Of an image."""

ALL = "all items"
_TOOLTIP = tooltip(task="task", told="difference, points", outcome="outcome")


def tasks_chart(view: SuiteView) -> Chart | None:
    """Return the differences by task, a type at a time; None where nothing is compared."""
    rows = _by_type(view)
    if not rows:
        return None
    margin, reference = _beside(view)
    return Chart(
        name="tasks",
        title=f"Difference in accuracy to {reference} by task, in points; the band is "
        f"±{fmt.points(margin)}",
        description="; ".join(f"{label}: {_in_words(each)}" for label, each in rows.items()) + ".",
        choices=tuple(
            Choice(label, _spec(of_type, margin, reference)) for label, of_type in rows.items()
        ),
        choice="of",
    )


def tasks_image(view: SuiteView) -> Spec | None:
    """Return the same for an image: all types, one below another.

    Of more rows than an image holds it shows those over all items alone.
    """
    rows = _by_type(view)
    if sum(map(len, rows.values())) > _MOST_ROWS:
        pooled = [_of_all(each) | {"task": each.label} for each in view.record.pooled]
        rows = {ALL: pooled} if 0 < len(pooled) <= _MOST_ROWS else {}
    if not rows:
        return None
    margin, reference = _beside(view)
    outcomes = by_outcome(OF_IMAGE, [row["outcome"] for each in rows.values() for row in each])
    parts = []
    for label, of_type in rows.items():
        drawn = _layers(of_type, margin, reference, OF_IMAGE)
        points = drawn[-1]
        # Vega-Lite takes marks of one name for the same ones, whatever part they are in.
        del points["name"]
        # The same in all parts, so that they have one legend; and one title of their axes.
        points["encoding"] |= outcomes
        if label != list(rows)[-1]:
            points["encoding"]["x"]["axis"] |= {"title": None}
        spec = {"data": {"values": of_type}, "layer": drawn}
        parts.append(part(label, spec, height=_IMAGE_STEP * len(of_type)))
    return stacked(OF_IMAGE, parts, title=image_title(view))


def _by_type(view: SuiteView) -> dict[str, list[Spec]]:
    """Return the rows of each type: its tasks, and all items."""
    rows: dict[str, list[Spec]] = {}
    for task in view.views:
        for drift in task.drifts:
            rows.setdefault(drift.label, []).append(_of_task(task.record.data.task, drift))
    for pooled in view.record.pooled:
        rows.setdefault(pooled.label, []).append(_of_all(pooled))
    return rows


def image_title(view: SuiteView) -> str:
    """Return what the image shows, if anything is compared."""
    return drift_title(next(task for task in view.views if task.drifts))


def _beside(view: SuiteView) -> tuple[float, str]:
    """Return how close is equivalent, in points, and what types are compared with."""
    compared = next(task for task in view.views if task.drifts)
    return compared.drifts[0].split.margin_points, compared.runs[0].run.label


def _in_words(rows: list[Spec]) -> str:
    return ", ".join(f"{row['task']} {row['told']}" for row in rows)


def _spec(rows: list[Spec], margin: float, reference: str) -> Spec:
    drawn = _layers(rows, margin, reference, OF_PAGE)
    return whole(OF_PAGE, {"data": {"values": rows}, "layer": drawn}, height=_STEP * len(rows))


def _layers(rows: list[Spec], margin: float, reference: str, palette: Palette) -> list[Spec]:
    y = names("task", [row["task"] for row in rows], palette)
    # A mark at the edge covers no name.
    y["axis"] |= {"labelPadding": 10}
    across = {"y": y, "tooltip": _TOOLTIP}
    return layers(rows, "x", across, margin, palette, reference=reference)


def _of_task(task: str, drift: Drift) -> Spec:
    split = drift.split
    return _row(
        task, drift.difference_points, split.interval_points, split.outcome, split.margin_points
    )


def _of_all(drift: PooledDrift) -> Spec:
    found = drift.by_items
    return _row(ALL, found.difference_points, found.split, found.outcome, drift.margin_points)


def _row(task: str, points: float, interval: Interval, outcome: str, margin: float) -> Spec:
    row: Spec = {"task": task, "difference": points, "outcome": outcome, "is_recommended": False}
    told = fmt.signed(points, 2)
    if interval.low < interval.high:
        row |= {"low": interval.low, "high": interval.high}
        told += f" {fmt.difference_interval(interval, margin)}"
    return row | {"told": told}
