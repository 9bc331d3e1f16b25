"""Chart of several tasks: each type's difference on each of them, and over all."""

from __future__ import annotations

from edgeval.records import Drift, Interval, PooledDrift
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import OF_PAGE, Chart, Choice, Spec, names, tooltip, whole
from edgeval.report.charts.drift import layers
from edgeval.report.suite.view import SuiteView

_STEP = 28
"""Pixels of a row."""

ALL = "all items"
_TOOLTIP = tooltip(task="task", told="difference, points", outcome="outcome")


def tasks_chart(view: SuiteView) -> Chart | None:
    """Return the differences by task, a type at a time; None where nothing is compared."""
    rows: dict[str, list[Spec]] = {}
    for task in view.views:
        for drift in task.drifts:
            rows.setdefault(drift.label, []).append(_of_task(task.record.data.task, drift))
    for pooled in view.record.pooled:
        rows.setdefault(pooled.label, []).append(_of_all(pooled))
    if not rows:
        return None
    compared = next(task for task in view.views if task.drifts)
    reference = compared.runs[0].run.label
    margin = compared.drifts[0].split.margin_points
    return Chart(
        name="tasks",
        title=f"Difference in accuracy to {reference} by task, in points; the band is "
        f"±{compared.margin}",
        description="; ".join(f"{label}: {_in_words(each)}" for label, each in rows.items()) + ".",
        choices=tuple(
            Choice(label, _spec(of_type, margin, reference)) for label, of_type in rows.items()
        ),
        choice="of",
    )


def _in_words(rows: list[Spec]) -> str:
    return ", ".join(f"{row['task']} {row['told']}" for row in rows)


def _spec(rows: list[Spec], margin: float, reference: str) -> Spec:
    y = names("task", [row["task"] for row in rows], OF_PAGE)
    drawn = layers(rows, "x", {"y": y, "tooltip": _TOOLTIP}, margin, OF_PAGE, reference=reference)
    return whole(OF_PAGE, {"data": {"values": rows}, "layer": drawn}, height=_STEP * len(rows))


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
