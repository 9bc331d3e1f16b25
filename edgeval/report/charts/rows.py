"""Rows of charts: one type a row, with its numbers, and texts for who points at it."""

from __future__ import annotations

from edgeval.records import Report
from edgeval.report.charts.chart import Spec, tooltip
from edgeval.report.conclusion import recommended
from edgeval.report.ladder import LadderRow, ladder_rows
from edgeval.report.record_view import RecordView, RunView

TOOLTIP = tooltip(
    type="type",
    told_size="size",
    told_bits="bits per weight",
    told_accuracy="accuracy, %",
    told_difference="difference, points",
    outcome="outcome",
    told_speed="tokens/s",
)
"""What is shown of a type that somebody points at."""


def compared_rows(view: RecordView[Report]) -> list[Spec]:
    """Return a row for the reference and each type that is compared with it.

    What is not known of a type is not in its row.
    """
    named = recommended(view)
    label = named[0].label if named else None
    speeds = [run.speed for _, run in view.named if run.speed is not None]
    # A meter sees more than a part of the machine does: their figures have no axis in common.
    has_energy = len({each.told_energy[0].source for each in speeds if each.told_energy}) == 1
    return [
        _row(rank, run, row, is_recommended=run.run.label == label, has_energy=has_energy)
        for rank, (run, row) in enumerate(zip(view.runs, ladder_rows(view), strict=True))
        if run.outcome != "not compared"
    ]


def _row(
    rank: int, run: RunView, told: LadderRow, *, is_recommended: bool, has_energy: bool
) -> Spec:
    model, drift, accuracy = run.run, run.drift, run.estimate
    speed = model.speed if model.from_reference is None else None
    row: Spec = {
        # Labels of the recommended type and the reference are kept where there is no room for all.
        "rank": -1 if is_recommended else rank,
        "type": told.type,
        "label": f"{told.type} (take this)" if is_recommended else told.type,
        "is_recommended": is_recommended,
        "outcome": run.outcome,
        "mebibytes": model.file_bytes / 2**20,
        "bits": model.bits_per_weight,
        "accuracy": 100 * accuracy.value,
        "difference": drift.difference_points if drift else 0.0,
        "told_size": told.size,
        "told_bits": told.bits_per_weight,
        "told_accuracy": f"{told.accuracy} {told.interval}",
        "told_difference": told.difference,
        "told_speed": told.tokens_per_s,
    }
    if accuracy.interval.low < accuracy.interval.high:
        row |= {"accuracy_low": 100 * accuracy.interval.low}
        row |= {"accuracy_high": 100 * accuracy.interval.high}
    if drift is not None and not drift.split.is_exact:
        row |= {"low": drift.split.interval_points.low, "high": drift.split.interval_points.high}
    if speed is not None and speed.tokens_per_s is not None:
        row |= {"tokens_per_s": speed.tokens_per_s}
    if has_energy and speed is not None and speed.joules_per_item is not None:
        row |= {"joules_per_item": speed.joules_per_item}
    if drift is not None and drift.divergence is not None:
        row |= {"kl": drift.divergence.best_nats}
    return row


def in_words(row: Spec) -> str:
    """Return a row as a phrase, for who does not see its mark."""
    return f"{row['type']}, {row['told_size']}, {row['told_bits']} bits: {row['told_difference']}"
