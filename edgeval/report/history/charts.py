"""Chart of a history: accuracy, changes and speed over time, one series a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timezone

from edgeval.records.history import History, PastRun
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import (
    OF_PAGE,
    Chart,
    Choice,
    Spec,
    labels,
    tooltip,
    whole,
    whole_ticks,
)
from edgeval.report.charts.series import series_spec
from edgeval.report.history.sentences import name, settings
from edgeval.report.speeds import EMPTY, in_short

_HEIGHT = 320
_MOST_MARKS = 1_000
"""Of a chart; nobody tells more of them apart, and the table has all."""


@dataclass(frozen=True)
class _Shown:
    label: str
    field: str
    title: str


_ACCURACY = _Shown("accuracy", "accuracy", "accuracy, %")
_NEW_PICKS = _Shown("new picks", "new_picks", "items with another pick than the run before")
_SHOWN = (
    _ACCURACY,
    _NEW_PICKS,
    _Shown("mean change", "mean_nats", "mean change of a log-probability, nats"),
    _Shown("largest change", "largest_nats", "largest change of a log-probability, nats"),
    _Shown("tokens/s", "tokens_per_s", "tokens/s"),
)

_TOOLTIP = tooltip(
    series="measurement",
    run="run",
    date="date",
    engine="engine",
    told_accuracy="accuracy, %",
    told_picks="new picks",
    told_speed="tokens/s",
    changed="what else changed",
)


def history_chart(history: History) -> Chart | None:
    """Return the runs over time; None where nothing was measured twice."""
    rows = _rows(history)
    choices = []
    for shown in _SHOWN:
        known = [row for row in rows if shown.field in row]
        if len(known) > 1:
            choices.append(Choice(shown.label, whole(OF_PAGE, _spec(known, shown), height=_HEIGHT)))
    if not choices:
        return None
    return Chart(
        name="history",
        title="Runs over time; a label names a new engine version",
        description="The table of runs has the same numbers.",
        choices=tuple(choices),
        choice="show",
        labels=labels(OF_PAGE),
    )


def _rows(history: History) -> list[Spec]:
    """Return a row a run of what was measured twice; what is not known is not in a row."""
    rows: list[Spec] = []
    for of in history.measurements:
        engine = None
        for run in of.runs if len(of.runs) > 1 else ():
            is_new = run.setting.engine != engine
            engine = run.setting.engine
            label = engine.rpartition(" ")[2] if is_new else ""
            rows.append(_row(name(of, history), run) | {"label": label, "rank": len(rows)})
    return rows[:_MOST_MARKS]


def _row(series: str, run: PastRun) -> Spec:
    aware = run.created_at if run.created_at.tzinfo else run.created_at.replace(tzinfo=timezone.utc)
    row: Spec = {
        "series": series,
        "is_recommended": False,
        "run": str(run.number),
        "at_ms": aware.timestamp() * 1000,
        "date": fmt.moment(run.created_at),
        "engine": run.setting.engine,
        "told_accuracy": EMPTY if run.accuracy is None else fmt.accuracy(run.accuracy.value),
        "told_picks": EMPTY,
        "told_speed": EMPTY if run.speed is None else in_short(run.speed),
        "changed": settings(run.change) or EMPTY,
    }
    if run.accuracy is not None:
        ends = run.accuracy.split_interval
        row |= {"accuracy": 100 * run.accuracy.value}
        if ends.low < ends.high:
            row |= {"accuracy_low": 100 * ends.low, "accuracy_high": 100 * ends.high}
    if run.change is not None and run.change.scores.n_items:
        scores = run.change.scores
        row |= {"new_picks": scores.n_new_picks, "told_picks": f"{scores.n_new_picks:,}"}
        row |= {"mean_nats": scores.mean_nats, "largest_nats": scores.largest_nats}
    if run.speed is not None and run.speed.tokens_per_s is not None:
        row |= {"tokens_per_s": run.speed.tokens_per_s}
    return row


def _spec(rows: Sequence[Spec], shown: _Shown) -> Spec:
    x = {
        "field": "at_ms",
        "type": "temporal",
        "scale": {"type": "utc", "padding": 30},
        "axis": {"title": "UTC", "grid": False, "tickCount": 6},
    }
    y: Spec = {
        "field": shown.field,
        "type": "quantitative",
        "scale": {"zero": shown is not _ACCURACY},
        "axis": {"title": shown.title},
    }
    if shown is _NEW_PICKS:
        y["axis"] |= whole_ticks(0, max(row[shown.field] for row in rows))
    return series_spec(rows, x, y, _TOOLTIP)
