"""What stands above the tables behind the ladder: what they hold, and of which items."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Report
from edgeval.report import divergences
from edgeval.report import formatting as fmt
from edgeval.report.comparison import is_counted, margin, together
from edgeval.report.items import items_in_short, stopping_of


@dataclass(frozen=True)
class Captions:
    """A sentence for each table; those that a report does not show are empty."""

    differences: str
    stopping: str
    self_check: str
    flips: str
    divergence: str
    metrics: str


def captions(report: Report) -> Captions:
    """Return the captions of a report's tables."""
    items = items_in_short(report)
    metrics = (
        f"All metrics in percent, from the same pass over {items}."
        if is_counted(report) or not (report.drift and report.drift[0].split_accuracy)
        else f"All metrics that the items evaluated can tell, in percent, on {items}."
        if stopping_of(report) is not None
        else f"All metrics in percent, as counted on {items}."
    )
    if not report.drift:
        return Captions("", _stopping(report), _self_check(report), "", "", metrics)
    reference = report.runs[0].label
    return Captions(
        differences=_differences(report, reference, items),
        stopping=_stopping(report),
        self_check=_self_check(report),
        flips=f"Items whose correctness differs from {reference}, by group, and changes of the "
        f"choices' log-probabilities in nats, on {items}.{_no_sample(report)}",
        divergence=divergences.caption(report, reference),
        metrics=metrics,
    )


def _differences(report: Report, reference: str, items: str) -> str:
    """Return what the table of differences holds: the split first, then new items."""
    looks = ", valid at every look" if stopping_of(report) is not None else ""
    split = (
        "counted on all of it"
        if is_counted(report)
        else f"with intervals that hold {together(report)}{looks}"
    )
    new_items, several = "", " for all together" if len(report.drift) > 1 else ""
    if any(found.new_items is not None for found in report.drift):
        new_items = (
            f"; then the interval for new items of the same kind, with 95%{several}, and McNemar's "
            "p, which is about new items too"
        )
    return (
        f"Differences to {reference} in points on the split, {split}, and what each says beside a "
        f"margin of {margin(report)}{new_items}. On {items}."
    )


def _no_sample(report: Report) -> str:
    is_weighted = any(run.stopping and run.stopping.design == "weighted" for run in report.runs)
    return " They were drawn by what they can tell, and are no sample." if is_weighted else ""


def _self_check(report: Report) -> str:
    return (
        f"How far the choices' log-probabilities by {report.engine.backend} are from the CPU's, in "
        "nats, on a few items: the mean of |Δ| a token, which is held to what is allowed, the same "
        "between the type and the reference on the CPU, the drift in accuracy that a common shift "
        "makes, the mean and the largest |Δ|, and the items of which both pick the same choice."
    )


def _stopping(report: Report) -> str:
    found = stopping_of(report)
    if found is None:
        return ""
    return (
        "When each evaluation stopped, how its items were drawn, and whether it was decided to "
        f"±{fmt.points(found.points)} by then, on {items_in_short(report)}."
    )
