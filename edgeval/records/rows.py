"""Rows of records for a data frame: plain values, with their units in their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from edgeval.records.drift import Drift, Outcome
from edgeval.records.failures import Failure
from edgeval.records.results import ModelRun

if TYPE_CHECKING:
    from edgeval.records.suite import PooledDifference, PooledDrift, TaskAverage

Row = dict[str, Any]

_TEXTS: Final = ("task", "type", "file", "outcome")
_COUNTS: Final = ("size_bytes", "n_items", "lost", "gained")


def columns(row: Row) -> dict[str, Literal["text", "count", "number"]]:
    """Return what the columns of rows hold, where they hold anything.

    Args:
        row: Any of the rows, which have the same names.
    """
    return {
        name: "text" if name in _TEXTS else "count" if name in _COUNTS else "number" for name in row
    }


def run_row(run: ModelRun, metric: str, drift: Drift | None, outcome: Outcome | str) -> Row:
    """Return the row of a run; the names are explained at ``Report.rows``.

    Args:
        run: What was measured.
        metric: Name of the protocol's metric.
        drift: Its comparison with the reference, if there is one.
        outcome: What is known of it beside the reference.
    """
    measured = run.metrics[metric]
    estimate = drift.split_accuracy if drift else None
    value, interval = measured.value, measured.split_interval
    if estimate is not None:
        value, interval = estimate.value, estimate.interval
    points = drift.split.interval_points if drift else None
    heat = run.speed.told_heat if run.speed else None
    return {
        "type": run.label,
        "file": run.file,
        "size_bytes": run.file_bytes,
        "bits_per_weight": run.bits_per_weight,
        "n_items": measured.total,
        "accuracy": value,
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "difference_points": drift.difference_points if drift else None,
        "difference_low_points": points.low if points else None,
        "difference_high_points": points.high if points else None,
        "outcome": outcome,
        "lost": drift.right_to_wrong if drift else None,
        "gained": drift.wrong_to_right if drift else None,
        "pick_agreement": drift.pick_agreement if drift else None,
        "kl_nats": drift.divergence.kl_nats if drift and drift.divergence else None,
        "tokens_per_s": run.speed.tokens_per_s if run.speed else None,
        "tokens_per_s_error": run.speed.tokens_per_s_error if run.speed else None,
        "joules_per_item": run.speed.joules_per_item if run.speed else None,
        "watt_hours": run.speed.watt_hours if run.speed else None,
        "hottest_c": heat.hottest_c if heat else None,
        "gpu_hottest_c": heat.gpu_hottest_c if heat else None,
        "held_back_share": heat.held_share if heat else None,
    }


def pooled_row(
    like: Row,
    name: str,
    drift: PooledDrift | None,
    difference: PooledDifference | None,
    average: TaskAverage | None,
) -> Row:
    """Return the row of a type over several tasks; the names are explained at ``Suite.rows``.

    Args:
        like: A row of a task, whose names it has.
        name: What stands for the task.
        drift: The type beside the reference on all tasks; None of the reference.
        difference: How they differ.
        average: The mean of its accuracies, if the row is of that.
    """
    known: Row = {"task": name, "outcome": "reference"}
    if average is not None:
        interval = average.split_interval
        known |= {"type": average.label, "accuracy": average.value}
        known |= {"accuracy_low": interval.low, "accuracy_high": interval.high}
    if drift is not None and difference is not None:
        known |= {
            "type": drift.label,
            "n_items": drift.n_items,
            "difference_points": difference.difference_points,
            "difference_low_points": difference.split.low,
            "difference_high_points": difference.split.high,
            "outcome": difference.outcome,
            "lost": drift.right_to_wrong,
            "gained": drift.wrong_to_right,
        }
    return dict.fromkeys(like) | known


def failure_row(failure: Failure, like: Row) -> Row:
    """Return the row of a type that failed: it has the names of another row, and no numbers."""
    known = {"type": failure.label, "file": failure.file, "outcome": "failed"}
    return dict.fromkeys(like) | known
