"""Answer: what was asked, and what a reader in a hurry takes home, each in a sentence.

Where the reference failed there is none, and the page says so instead.
"""

from __future__ import annotations

from edgeval.records import Claim, Drift, ModelRun, Report, Verdict
from edgeval.report import formatting as fmt
from edgeval.report.conclusion import recommended
from edgeval.report.items import items_in_short
from edgeval.report.record_view import RecordView
from edgeval.report.verdicts import STATUS_LABELS, claim_in_short

_View = RecordView[Report]


def question(view: _View) -> str:
    """Return what was asked: ``Which type keeps within 1 point of F16 on …?``."""
    task = view.record.data.name
    if not view.drifts:
        return f"How many items of {task} does it answer correctly?"
    reference = view.judged_run.run.label
    return f"Which type stays within {view.margin} of {reference} on {task}?"


def answer(view: _View) -> str:
    """Return the answer, the shortest that is true: which type to take."""
    if not view.drifts:
        run = view.judged_run
        return f"{run.run.label} answers {fmt.accuracy(run.accuracy.value)}% correctly."
    pair = recommended(view)
    if pair is None:
        return none(is_slice=view.is_slice)
    return f"Take {pair[0].label}."


def none(*, is_slice: bool) -> str:
    """Return the answer where no type is shown to stay within the margin."""
    return "With these items, none is shown to." if is_slice else "None does."


def cost(view: _View) -> str:
    """Return what the answer costs and saves, on what it rests; empty where nothing is named."""
    measured = f"Measured on {items_in_short(view)}."
    pair = recommended(view)
    if pair is None:
        return measured
    run, drift = pair
    return f"{size(run, view.judged_run.run)} {_points(drift, view)} {measured}"


def verdict_in_short(claim: Claim, verdict: Verdict) -> str:
    """Return a verdict as a line: status, what was measured, and what was published."""
    return (
        f"{STATUS_LABELS[verdict.status]}: measured {fmt.accuracy(verdict.score)}, published "
        f"{claim_in_short(claim)}"
    )


def size(run: ModelRun, reference: ModelRun) -> str:
    """Return what a type takes instead of the reference, as a sentence."""
    share = run.file_bytes / reference.file_bytes
    sizes = f"{fmt.size(run.file_bytes)} instead of {fmt.size(reference.file_bytes)}"
    return f"It takes {sizes} ({100 * share:.0f}%)."


def _points(drift: Drift, view: _View) -> str:
    """Return the difference, with how sure it is."""
    reference = view.runs[0].run.label
    told = f"{fmt.signed(drift.difference_points, 2)} points from {reference}"
    if drift.split.is_exact:
        return f"Its accuracy is {told}, counted on all items."
    split = drift.split
    interval = fmt.difference_interval(split.interval_points, split.margin_points)
    return f"Its accuracy is {told}, {view.sureness.in_short} {interval}."
