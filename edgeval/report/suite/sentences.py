"""Sentences on several tasks: which type to take, what differs where, and the published average."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from edgeval.errors import counted, listed, plural
from edgeval.records import Claim, ModelRun, PooledDrift, Verdict
from edgeval.report import footnotes, verdicts
from edgeval.report import formatting as fmt
from edgeval.report.cautions import cautions
from edgeval.report.facts import location
from edgeval.report.failures import failure_sentences
from edgeval.report.suite.view import SuiteView, difference, interval_in_short
from edgeval.stats.average_verdict import row_of
from edgeval.stats.contradictions import contradiction
from edgeval.stats.verdict import where_of

_ROUNDING = 1e-9


def conclusion(view: SuiteView) -> str:
    """Return which type to take by all items, what is known of each on each task, and how sure."""
    record = view.record
    if any(each.reference is None for each in view.views):
        failed = [each.record.data.task for each in view.views if each.reference is None]
        return f"The reference failed on {listed(failed)}, so nothing is said of all tasks."
    if not record.pooled:
        return _alone(view)
    sentences = [_smallest(view), *_by_type(view), _sureness(view)]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def metric_sentence(view: SuiteView) -> str:
    """Return by which metric each task is judged."""
    several = sorted(view.metrics.items(), key=lambda each: -len(each[1]))
    (most, _), others = several[0], several[1:]
    rest = "".join(f"; on {listed(tasks)} it is {metric}" for metric, tasks in others)
    return f"Accuracy is {most} in percent{rest}."


def average_sentences(view: SuiteView) -> list[str]:
    """Return each published average with what the mean of the reference says about it."""
    pairs = zip(view.record.average_claims, view.record.average_verdicts, strict=False)
    return [
        f"{verdicts.STATUS_LABELS[verdict.status]}. {average_sentence(view, claim, verdict)}"
        for claim, verdict in pairs
    ]


def average_sentence(view: SuiteView, claim: Claim, verdict: Verdict) -> str:
    """Return what the mean is, what was published, and what follows, without the status."""
    row = row_of(claim, view.record.reports)
    run, apart = view.first.judged_run.run, fmt.signed(100 * verdict.score - claim.value, 2)
    several = f" ({location(claim.citation)})" if len(view.record.average_claims) > 1 else ""
    sentences = (
        f"The mean of {run.label}'s accuracies on {counted(len(row), 'task')} is "
        f"{fmt.accuracy(verdict.score)}, and the published average{several} is {claim.printed} "
        f"({apart} points): {_reason(view, claim, verdict)}.",
        contradiction(row),
    )
    return " ".join(filter(None, sentences))


def task_sentences(view: SuiteView) -> Iterator[str]:
    """Yield each verdict on a task, behind the name of the task."""
    for each in view.views:
        for sentence in verdicts.verdict_sentences(each):
            yield f"{each.record.data.task}: {sentence}"


def sensor_sentences(view: SuiteView) -> list[str]:
    """Return what all tasks took together, and how hot it was, as far as sensors tell."""
    return footnotes.of_sensors([each for task in view.views for each in task.named])


def published_sentences(view: SuiteView) -> list[str]:
    """Return all that is said of published numbers: of averages first."""
    return [*average_sentences(view), *task_sentences(view)]


def caution_sentences(view: SuiteView) -> list[str]:
    """Return what has to be known before the numbers are believed, with the tasks it is of."""
    return _of_tasks(view, ((each.record.data.task, cautions(each.record)) for each in view.views))


def failures_of(view: SuiteView) -> list[str]:
    """Return a sentence for each type that failed, with the tasks that it failed on."""
    several = (
        (each.record.data.task, list(failure_sentences(each.record.failures)))
        for each in view.views
    )
    return _of_tasks(view, several)


def _of_tasks(view: SuiteView, several: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    tasks_of: dict[str, list[str]] = {}
    for task, sentences in several:
        for sentence in sentences:
            tasks_of.setdefault(sentence, []).append(task)
    return [
        sentence if len(tasks) == len(view.views) else f"{', '.join(tasks)}: {sentence}"
        for sentence, tasks in tasks_of.items()
    ]


def _alone(view: SuiteView) -> str:
    means = [
        f"{mean.label}: mean accuracy {fmt.accuracy(mean.value)}"
        f"{'' if (short := interval_in_short(mean.split_interval)) == 'exact' else f' {short}'}"
        for mean in view.record.averages
    ]
    if not means:
        return "No type was scored on all tasks, so nothing is said of all of them."
    return f"{'; '.join(means)}, over {counted(len(view.views), 'task')}. Nothing is compared."


def recommended(view: SuiteView) -> tuple[ModelRun, PooledDrift] | None:
    """Return the smallest type that is shown to be no worse than the margin over all items.

    It comes with its difference; None if none is shown to be.
    """
    runs = {run.label: run for run in view.first.record.runs}
    able = [
        (runs[drift.label], drift)
        for drift in view.record.pooled
        if drift.by_items.split.low >= -drift.margin_points - _ROUNDING
    ]
    return min(able, key=lambda pair: pair[0].file_bytes, default=None)


def reference_of(view: SuiteView, drift: PooledDrift) -> ModelRun:
    """Return what a type is compared with."""
    return next(each for each in view.first.record.runs if each.label == drift.reference)


def _smallest(view: SuiteView) -> str:
    where = f"Over all {view.n_total:,} items of {counted(len(view.views), 'task')}, "
    if view.is_slice:
        where += f"as far as {view.n_items:,} of them tell, "
    first = view.record.pooled[0]
    within, reference = fmt.points(first.margin_points), first.reference
    shown = "shown to be " if view.is_slice else ""
    pair = recommended(view)
    if pair is None:
        verb = "is shown to be" if view.is_slice else "is"
        return f"{where}no type {verb} at most {within} worse than {reference}"
    run, drift = pair
    sizes = (
        f"{fmt.size(run.file_bytes)} instead of {fmt.size(reference_of(view, drift).file_bytes)}"
    )
    return (
        f"{where}{run.label} ({sizes}) is the smallest type that is "
        f"{shown}at most {within} worse than {reference}: {difference(drift, drift.by_items)} "
        "points"
    )


def _by_type(view: SuiteView) -> Iterator[str]:
    """Yield of each type on which tasks it is worse, different or open."""
    for drift in view.record.pooled:
        tasks_of: dict[str, list[str]] = {}
        for each in view.views:
            run = next(run for run in each.runs if run.run.label == drift.label)
            kind: str = run.outcome
            if run.drift is not None and kind == "different":
                kind = "better" if run.drift.difference_points > 0 else "below"
            tasks_of.setdefault(kind, []).append(each.record.data.task)
        yield f"{drift.label}: {_outcomes(tasks_of, drift, len(view.views))}"


def _outcomes(tasks_of: dict[str, list[str]], drift: PooledDrift, n_tasks: int) -> str:
    words = {
        "worse": f"worse than {drift.reference} by more than {fmt.points(drift.margin_points)}",
        "below": f"worse than {drift.reference}, by how much is open",
        "better": f"better than {drift.reference}",
        "open": "open",
        "equivalent": "equivalent",
    }
    clauses = []
    for outcome, predicate in words.items():
        tasks = tasks_of.get(outcome, [])
        if len(tasks) == n_tasks:
            clauses.append(f"{predicate} on every task")
        elif outcome == "equivalent" and tasks:
            others = "the other one" if len(tasks) == 1 else f"the other {len(tasks)}"
            clauses.append(f"{predicate} on {others if clauses else counted(len(tasks), 'task')}")
        elif tasks:
            clauses.append(f"{predicate} on {listed(tasks)}")
    return "; ".join(clauses)


def _sureness(view: SuiteView) -> str:
    if not view.is_slice:
        return ""
    level = fmt.level(view.record.pooled[0].by_items.split)
    n_rows = len(view.record.pooled)
    return (
        f"The intervals of {'all' if n_rows > 1 else 'the'} {plural(n_rows, 'type')}, on each task "
        f"and over all, hold together with {level}"
    )


def _reason(view: SuiteView, claim: Claim, verdict: Verdict) -> str:
    """Return from what the status follows, as a clause."""
    within = verdicts.tolerance(claim)
    notes = verdict.claim_citation.notes.split("; ")
    if verdict.protocol_match == "mismatch":
        return f"another measurement neither confirms nor excludes it ({notes[1]})"
    mean = next(
        each for each in view.record.averages if each.label == view.first.judged_run.run.label
    )
    is_inside, is_outside = where_of(claim, mean.split_interval)
    is_exact = mean.split_interval.low == mean.split_interval.high
    what = "the mean" if is_exact else "the interval of the mean"
    if verdict.protocol_match == "exact":
        side = "lies within" if is_inside else "lies outside" if is_outside else "reaches beyond"
        return f"{what} {side} {within}"
    if is_inside and verdict.status == "partial":
        return f"{what} lies within {within}, and a proxy shows no more than that it agrees"
    if is_outside:
        return f"{what} lies outside {within}, but a proxy does not refute it"
    return f"{what} does not decide whether it lies within {within}"
