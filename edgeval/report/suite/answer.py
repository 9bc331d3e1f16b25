"""Answer of several tasks: what was asked, and what a reader in a hurry takes home.

Where the reference failed on a task there is none, and the page says so instead.
"""

from __future__ import annotations

from edgeval.errors import counted
from edgeval.records import Claim, PooledDrift, Verdict
from edgeval.report import formatting as fmt
from edgeval.report.answer import none, size
from edgeval.report.suite.sentences import recommended, reference_of
from edgeval.report.suite.view import SuiteView, difference
from edgeval.report.verdicts import STATUS_LABELS


def is_answered(view: SuiteView) -> bool:
    """Return whether there is an answer: the reference is scored on each task."""
    return all(each.reference is not None for each in view.views) and bool(view.record.averages)


def question(view: SuiteView) -> str:
    """Return what was asked: ``Which type stays within 1 point of F16 over 7 tasks?``."""
    tasks = counted(len(view.views), "task")
    if not view.record.pooled:
        return f"How many items of {tasks} does it answer correctly?"
    first = view.record.pooled[0]
    margin = fmt.points(first.margin_points)
    return f"Which type stays within {margin} of {first.reference} over {tasks}?"


def answer(view: SuiteView) -> str:
    """Return the answer, the shortest that is true: which type to take."""
    if not view.record.pooled:
        mean = view.record.averages[0]
        return f"{mean.label} answers {fmt.accuracy(mean.value)}% correctly, the mean of the tasks."
    pair = recommended(view)
    if pair is None:
        return none(is_slice=view.is_slice)
    return f"Take {pair[0].label}."


def cost(view: SuiteView) -> str:
    """Return what the answer costs and saves, and on what it rests."""
    part = f"{view.n_items:,} of {view.n_total:,}" if view.is_slice else f"all {view.n_total:,}"
    measured = f"Measured on {part} items."
    pair = recommended(view)
    if pair is None:
        return measured
    run, drift = pair
    return f"{size(run, reference_of(view, drift))} {_points(drift)} {measured}"


def verdict_in_short(claim: Claim, verdict: Verdict) -> str:
    """Return a verdict on the mean of the tasks as a line."""
    return (
        f"{STATUS_LABELS[verdict.status]}: the mean is {fmt.accuracy(verdict.score)}, published "
        f"{claim.printed}"
    )


def _points(drift: PooledDrift) -> str:
    told = difference(drift, drift.by_items)
    return f"Over all items its accuracy is {told} points from {drift.reference}."
