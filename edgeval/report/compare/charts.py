"""Charts of a comparison: one series a record, so that they lie over each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from edgeval.records.comparison import Comparison
from edgeval.report import formatting as fmt
from edgeval.report.charts.axes import BITS, SIZE, SPEED, Axis
from edgeval.report.charts.chart import (
    OF_IMAGE,
    OF_PAGE,
    Chart,
    Choice,
    Spec,
    labels,
    names,
    part,
    stacked,
    tooltip,
    whole,
)
from edgeval.report.charts.quality import Worth
from edgeval.report.charts.series import by_series, series_spec
from edgeval.report.compare import cells
from edgeval.report.compare.leaderboard import Standing, standings

_HEIGHT = 320
_MOST_MARKS = 1_000
"""Of a chart; nobody tells more of them apart, and the table has all."""

IMAGE_TITLE: Final = "Accuracy by type, a mark a record; lines are 95% intervals"
_STEP = 12
"""Pixels of a mark's own line."""
_MOST_LINES = 120
"""Of an image."""

_ACCURACY = Worth("accuracy", "accuracy", "accuracy, %")
_DIFFERENCE = Worth("difference", "difference", "points from the record's own reference")

_TOOLTIP = tooltip(
    series="record",
    type="type",
    told_size="size",
    told_accuracy="accuracy, %",
    told_difference="difference",
    told_speed="tokens/s",
)


def size_chart(comparisons: Sequence[Comparison]) -> Chart | None:
    """Return accuracies and differences against size; None for fewer than two runs."""
    return _chart(
        comparisons,
        "size",
        "Quality against size, a line a record",
        [(worth, axis) for worth in (_ACCURACY, _DIFFERENCE) for axis in (SIZE, BITS)],
    )


def speed_chart(comparisons: Sequence[Comparison]) -> Chart | None:
    """Return accuracies against speed; None where fewer than two runs have one."""
    return _chart(
        comparisons,
        "speed",
        "Accuracy against speed, a line a record",
        [(_ACCURACY, SPEED)],
    )


def types_image(comparisons: Sequence[Comparison]) -> Spec | None:
    """Return the accuracies for an image, a type below another: nobody points at its marks.

    Of more marks than an image holds there is none.
    """
    found = [each for each in standings(comparisons) if each.accuracy is not None]
    rows = [(each.asked, row) for each in found for row in _rows(each)]
    of_records = [machine.label for each in comparisons for machine in each.machines]
    series = list(dict.fromkeys(of_records))
    parts = []
    n_lines = 0
    for what in dict.fromkeys(asked for asked, _ in rows):
        shown = [row for asked, row in rows if asked == what]
        types = list(dict.fromkeys(row["type"] for row in shown))
        n_lines += len(types) * len(series)
        height = _STEP * len(types) * (len(series) + 1)
        parts.append(part(what, _by_type(shown, types, series), height=height))
    if len(rows) < 2 or n_lines > _MOST_LINES:
        return None
    return stacked(OF_IMAGE, parts, title=IMAGE_TITLE)


def _by_type(rows: Sequence[Spec], types: Sequence[str], series: Sequence[str]) -> Spec:
    """Return what draws accuracies along the horizontal axis, each on a line of its own."""
    x = {"field": "accuracy", "type": "quantitative", "scale": {"zero": False, "padding": 8}}
    x |= {"axis": {"title": _ACCURACY.title}}
    of_record = by_series(OF_IMAGE, series)
    own = {"field": "series", "sort": list(series)}
    place = {"y": names("type", types, OF_IMAGE), "yOffset": own, "color": of_record["color"]}
    ends = {"x": x | {"field": "accuracy_low"}, "x2": {"field": "accuracy_high"}}
    return {
        "data": {"values": list(rows)},
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.accuracy_low)"}],
                "mark": {"type": "rule", "strokeWidth": 1.5, "strokeOpacity": 0.6},
                "encoding": place | ends,
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": place | {"x": x, "shape": of_record["shape"]},
            },
        ],
    }


def _chart(
    comparisons: Sequence[Comparison],
    name: str,
    title: str,
    pairs: Sequence[tuple[Worth, Axis]],
) -> Chart | None:
    found = standings(comparisons)
    asked = list(dict.fromkeys(each.asked for each in found))
    choices = []
    for what in asked:
        rows = [row for each in found if each.asked == what for row in _rows(each)][:_MOST_MARKS]
        for worth, axis in pairs:
            shown = [row for row in rows if worth.field in row and axis.field in row]
            if len(shown) < 2:
                continue
            of_task = f"{what}: " if len(asked) > 1 else ""
            label = f"{of_task}{worth.label} against {axis.label}"
            spec = _spec(_named_once(shown, axis), worth, axis)
            choices.append(Choice(label, whole(OF_PAGE, spec, height=_HEIGHT)))
    if not choices:
        return None
    return Chart(
        name=name,
        title=title,
        description="The leaderboard has the same numbers.",
        choices=tuple(choices),
        choice="show",
        labels=labels(OF_PAGE, below=True),
    )


def _named_once(rows: Sequence[Spec], axis: Axis) -> list[Spec]:
    """Return rows of which the first at each place of an axis has its type's label."""
    seen: set[tuple[str, float]] = set()
    found = []
    for row in rows:
        place = row["type"], row[axis.field]
        found.append(row | {"label": "" if place in seen else row["label"]})
        seen.add(place)
    return found


def _rows(each: Standing) -> Iterator[Spec]:
    """Yield the row of a run that was measured; what is not known of it is not in the row."""
    if each.run is None:
        return
    run, accuracy, beside = each.run.run, each.accuracy, each.run.beside
    row: Spec = {
        "series": each.machine.label,
        "type": each.type,
        "label": each.type,
        "rank": 0 if each.run.standing == "reference" else 1,
        "is_recommended": False,
        "mebibytes": run.file_bytes / 2**20,
        "bits": run.bits_per_weight,
        "told_size": fmt.size(run.file_bytes),
        "told_difference": cells.difference(each.run),
        "told_speed": cells.tokens_per_s(each.run),
    }
    if accuracy is not None:
        ends = accuracy.interval
        row |= {"accuracy": 100 * accuracy.value, "told_accuracy": fmt.accuracy(accuracy.value)}
        if ends.low < ends.high:
            row |= {"accuracy_low": 100 * ends.low, "accuracy_high": 100 * ends.high}
            row["told_accuracy"] += f" {fmt.accuracy_interval(ends)}"
    if beside is not None:
        row |= {"difference": beside.difference_points}
        if not beside.split.is_exact:
            points = beside.split.interval_points
            row |= {"difference_low": points.low, "difference_high": points.high}
    if run.speed is not None and run.speed.tokens_per_s is not None:
        row |= {"tokens_per_s": run.speed.tokens_per_s}
    yield row


def _spec(rows: Sequence[Spec], worth: Worth, axis: Axis) -> Spec:
    y = {
        "field": worth.field,
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": worth.title},
    }
    return series_spec(rows, axis.encoding, y, _TOOLTIP)
