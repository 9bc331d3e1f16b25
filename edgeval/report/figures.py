"""Figures: their geometry in pixels, which the template draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeval.records import Interval, Report
from edgeval.records.claims import NOT_STATED
from edgeval.report import formatting as fmt
from edgeval.report.ladder import ladder_rows
from edgeval.report.record_view import RecordView, RunOutcome, as_counted

WIDTH = 720

_LEFT, _RIGHT, _BOTTOM = 64.0, 76.0, 48.0
_PLOT_HEIGHT = 250.0
_LABEL_MARGIN, _LETTER_WIDTH = 17.0, 7.5
_LABEL_HEIGHT = 17.0
_LEADER_HEIGHT = 16.0
_MARK_WIDTH = 11.0
_BIT_TICKS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
_Y_TICKS = 6


@dataclass(frozen=True)
class Point:
    """One type: its bits per weight, its value, and the ends of its interval if it has one."""

    label: str
    bits: float
    value: float
    ends: tuple[float, float] | None
    outcome: RunOutcome
    text: str


@dataclass(frozen=True)
class Mark:
    """A point in pixels, with the place of its label above the plot."""

    point: Point
    x: float
    y: float
    top: float
    bottom: float
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Figure:
    """A scatter plot with intervals, a horizontal line and a band around it, in pixels."""

    name: str
    title: str
    description: str
    y_label: str
    line_labels: list[str]
    height: float
    left: float
    right: float
    top: float
    bottom: float
    line_y: float
    band_top: float
    band_bottom: float
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    marks: list[Mark]


def drift_figure(view: RecordView[Report]) -> Figure | None:
    """Return the differences to the reference, or None if nothing was compared."""
    points = []
    for run, row in zip(view.runs, ladder_rows(view), strict=True):
        if run.outcome == "not compared":
            continue
        drift, ends = run.drift, None
        if drift is not None and not drift.split.is_exact:
            ends = _ends(drift.split.interval_points, 1)
        value = drift.difference_points if drift else 0.0
        text = f"{row.type}, {row.bits_per_weight} bits: {row.difference}"
        points.append(Point(row.type, run.run.bits_per_weight, value, ends, run.outcome, text))
    if len(points) < 2:
        return None
    reference = points[0].label
    return _figure(
        "drift",
        f"Difference in accuracy to {reference}, by bits per weight",
        points,
        line=0.0,
        band=view.drifts[0].split.margin_points,
        line_labels=[f"±{view.margin}"],
        y_label=f"difference to {reference} (points)",
        tick_text=fmt.signed,
    )


def claim_figure(view: RecordView[Report]) -> Figure | None:
    """Return the accuracies next to the first claim, or None without one of the same metric."""
    report = view.record
    if not report.verdicts or report.verdicts[0].protocol_match == "mismatch":
        return None
    claim = report.claims[0]
    points = []
    metric = report.protocol.metric if claim.metric == NOT_STATED else claim.metric
    is_primary = metric == report.protocol.metric
    for run, row in zip(view.runs, ladder_rows(view), strict=True):
        accuracy = run.run.metrics.get(metric)
        if accuracy is None:
            return None
        estimate = run.estimate if is_primary else as_counted(accuracy)
        interval = estimate.interval
        ends = _ends(interval, 100) if interval.low < interval.high else None
        value = 100 * estimate.value
        text = f"{row.type}, {row.bits_per_weight} bits: {fmt.plain(value, 2)}"
        if ends:
            text += f" {fmt.accuracy_interval(interval)}"
        points.append(Point(row.type, run.run.bits_per_weight, value, ends, run.outcome, text))
    return _figure(
        "claim",
        "Accuracy of each type and the published number, by bits per weight",
        points,
        line=claim.value,
        band=claim.tolerance_points,
        line_labels=["published", fmt.plain(claim.value, 2)],
        y_label=f"{metric} (%)",
        tick_text=fmt.plain,
    )


def _figure(
    name: str,
    title: str,
    points: Sequence[Point],
    *,
    line: float,
    band: float,
    line_labels: list[str],
    y_label: str,
    tick_text: Callable[[float, int], str],
) -> Figure:
    label_places, n_rows = _label_places(points)
    top = n_rows * _LABEL_HEIGHT + _LEADER_HEIGHT
    bottom = top + _PLOT_HEIGHT
    low, high = _y_domain(points, line, band)

    def y(value: float) -> float:
        return round(bottom - (value - low) / (high - low) * _PLOT_HEIGHT, 1)

    marks = []
    for point, x, (label_x, row) in zip(points, _x_pixels(points), label_places, strict=True):
        ends = point.ends or (point.value, point.value)
        label_y = round(_LABEL_HEIGHT * (row + 1) - 5, 1)
        marks.append(Mark(point, x, y(point.value), y(ends[1]), y(ends[0]), label_x, label_y))
    step = nice_step((high - low) / _Y_TICKS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step), math.floor(high / step)
    return Figure(
        name=name,
        title=title,
        description="; ".join(point.text for point in points) + ".",
        y_label=y_label,
        line_labels=line_labels,
        height=bottom + _BOTTOM,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        top=top,
        bottom=bottom,
        line_y=y(line),
        band_top=y(line + band),
        band_bottom=y(line - band),
        x_ticks=_x_ticks(points),
        y_ticks=[
            (y(index * step), tick_text(index * step, decimals)) for index in range(first, last + 1)
        ],
        marks=marks,
    )


def _ends(interval: Interval, scale: float) -> tuple[float, float]:
    return interval.low * scale, interval.high * scale


def _y_domain(points: Sequence[Point], line: float, band: float) -> tuple[float, float]:
    values = [line - 1.25 * band, line + 1.25 * band]
    for point in points:
        values += point.ends or (point.value,)
    pad = 0.05 * (max(values) - min(values))
    return min(values) - pad, max(values) + pad


def nice_step(rough: float) -> float:
    """Return the smallest of 1, 2, 5, 10, ... times a power of ten that is not below ``rough``."""
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(n * magnitude for n in (1, 2, 5, 10) if n * magnitude >= rough * (1 - 1e-9))


def _octaves(points: Sequence[Point]) -> tuple[float, float]:
    """Return the range of the logarithmic axis; evenly spread types would crowd at its low end."""
    octaves = [math.log2(point.bits) for point in points]
    pad = 0.06 * (max(octaves) - min(octaves)) or 0.5
    return min(octaves) - pad, max(octaves) + pad


def _x_of(points: Sequence[Point], bits: float) -> float:
    low, high = _octaves(points)
    share = (math.log2(bits) - low) / (high - low)
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _x_pixels(points: Sequence[Point]) -> list[float]:
    """Return where each point stands; those of one size stand side by side."""
    pixels: list[float] = []
    for point in points:
        x = _x_of(points, point.bits)
        while any(abs(x - taken) < 1 for taken in pixels):
            x = round(x + _MARK_WIDTH, 1)
        pixels.append(x)
    return pixels


def _label_width(points: Sequence[Point]) -> float:
    return _LABEL_MARGIN + _LETTER_WIDTH * max(6, *(len(point.label) for point in points))


def _x_ticks(points: Sequence[Point]) -> list[tuple[float, str]]:
    low, high = _octaves(points)
    shown = [bits for bits in _BIT_TICKS if low <= math.log2(bits) <= high]
    return [(_x_of(points, bits), f"{bits:g}") for bits in shown]


def _label_places(points: Sequence[Point]) -> tuple[list[tuple[float, int]], int]:
    """Return each label's centre and row, near its point and clear of its neighbours.

    Labels that do not fit side by side are staggered over several rows.
    """
    width = _label_width(points)
    left, right = width / 2, WIDTH - width / 2
    n_rows = max(1, math.ceil((len(points) - 1) * width / (WIDTH - width)))
    gap = width / n_rows
    pixels = _x_pixels(points)
    order = sorted(range(len(points)), key=lambda index: pixels[index])
    wanted = [pixels[index] for index in order]
    rightwards, leftwards = _push_right(wanted, gap, left), _push_left(wanted, gap, right)
    # The mean of two spacings that both hold the gap holds it too.
    centred = [(a + b) / 2 for a, b in zip(rightwards, leftwards, strict=True)]
    centres = _push_left(_push_right(centred, gap, left), gap, right)
    places = [(0.0, 0)] * len(points)
    for rank, index in enumerate(order):
        places[index] = (round(centres[rank], 1), rank % n_rows)
    return places, n_rows


def _push_right(places: Sequence[float], gap: float, left: float) -> list[float]:
    """Return ascending places moved right until none is left of ``left`` or within a gap."""
    pushed: list[float] = []
    for place in places:
        pushed.append(max(place, pushed[-1] + gap if pushed else left))
    return pushed


def _push_left(places: Sequence[float], gap: float, right: float) -> list[float]:
    mirrored = _push_right([-place for place in reversed(places)], gap, -right)
    return [-place for place in reversed(mirrored)]
