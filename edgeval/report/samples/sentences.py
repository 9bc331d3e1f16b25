"""Sentences of paired samples: what they are of, what is left out, and what pairing is worth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Final

from edgeval.errors import counted
from edgeval.records.paired_samples import (
    LoglikelihoodChange,
    PairedMetric,
    PairedSamples,
    PairedSource,
    PairedTask,
    SampleFlip,
    SampleSource,
)
from edgeval.report import formatting as fmt
from edgeval.stats.intervals import LEVEL
from edgeval.system.untrusted import printable

_MOST_FLIPS = 6
_MOST_NAMED = 5
_MOST_CHARACTERS = 60


HEADER: Final = (
    *("task", "metric", "first", "other", "difference", "p", "shows"),
    *("lost / gained", "error in pairs / not"),
)
"""Titles of ``cells``."""


def title(found: PairedSamples, each: PairedSource) -> str:
    """Return what stands above the table of one run beside the first."""
    n_items = sum(task.n_items for task in each.tasks)
    first, other = found.sources[0].label, found.sources[each.source].label
    tasks = counted(len(each.tasks), "task")
    return f"{other} beside {first}: {counted(n_items, 'item')} of {tasks}, in pairs"


def cells(row: PairedMetric) -> list[str]:
    """Return a row's cells, below the titles of ``HEADER``."""
    task = f"{len(row.tasks)} tasks" if row.is_pooled else row.tasks[0]
    filtered = "" if row.filter == "none" else f", {printable(row.filter, _MOST_CHARACTERS)}"
    return [
        task,
        f"{printable(row.metric, _MOST_CHARACTERS)}{filtered}",
        _value(row, row.reference_value),
        _value(row, row.value),
        difference(row),
        "" if row.p_holm is None else fmt.p_value(row.p_holm),
        row.shows,
        "" if row.lost is None else f"{row.lost:,} / {row.gained:,}",
        _errors(row),
    ]


def difference(row: PairedMetric) -> str:
    """Return a difference with its interval: points, a number, or how many times as large."""
    interval = row.interval
    if row.kind == "perplexity":
        times = [row.difference, *([interval.low, interval.high] if interval else [])]
        shown = [_number(math.exp(min(each, 700.0))) for each in times]
        return f"\N{MULTIPLICATION SIGN}{shown[0]}" + (
            f" [{shown[1]}, {shown[2]}]" if interval else ""
        )
    write = _points if row.kind == "share" else _signed
    text = write(row.difference)
    return text if interval is None else f"{text} [{write(interval.low)}, {write(interval.high)}]"


def sentences(found: PairedSamples) -> Iterator[str]:
    """Yield who was compared, what each comparison says beside its table, and how to read it."""
    for source in found.sources:
        yield from _of_source(source)
    for each in found.comparisons:
        yield from _of_comparison(found, each)
    yield _how_to_read(found)


def flips_of(each: PairedSource) -> Iterator[str]:
    """Yield some items that one of two models has right, with both answers."""
    flips = [flip for row in each.metrics for flip in row.flips]
    seen: dict[tuple[str, int], SampleFlip] = {}
    for flip in flips:
        seen.setdefault((flip.task, flip.doc_id), flip)
    for flip in list(seen.values())[:_MOST_FLIPS]:
        was, now = _cut(flip.reference_answer), _cut(flip.answer)
        way = "gained" if flip.is_gained else "lost"
        answers = "" if was is None or now is None else f": {was} \N{RIGHTWARDS ARROW} {now}"
        yield f"{flip.task} {flip.doc_id}, {way}{answers} (right: {_cut(flip.target)})"
    if len(seen) > _MOST_FLIPS:
        yield f"{counted(len(seen) - _MOST_FLIPS, 'more item')} of this kind: --json has all."


def _of_source(source: SampleSource) -> Iterator[str]:
    known = [source.backend, source.harness and f"lm-evaluation-harness {source.harness}"]
    if source.has_results:
        yield f"{source.label}: {', '.join(filter(None, known)) or 'nothing known of it'}."
    else:
        yield (
            f"{source.label}: no results_DATE.json stands beside its samples, so that its model, "
            "version and shots are not known."
        )
    if source.differences:
        yield f"{source.label} differs from the first: {'; '.join(source.differences)}."


def _of_comparison(found: PairedSamples, each: PairedSource) -> Iterator[str]:
    label = found.sources[each.source].label
    for task in each.tasks:
        yield from (f"{label}, {task.task}: {text}." for text in _of_task(task))
    for names, which in ((each.only_first, "the first"), (each.only_other, label)):
        if names:
            shown = ", ".join(names[:_MOST_NAMED])
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield f"Only {which} has {shown}{more}."
    if worth := _worth(each):
        yield f"{label}: {worth}."


def _of_task(task: PairedTask) -> Iterator[str]:
    if task.other_task is not None:
        yield f"its file is of {task.other_task}"
    yield from task.differences
    for left in task.left:
        named = ", ".join(map(str, left.doc_ids[:_MOST_NAMED]))
        more = ", ..." if left.n_items > _MOST_NAMED else ""
        yield f"{counted(left.n_items, 'item')} left out, {left.reason} (doc_id {named}{more})"
    if task.n_unchecked:
        yield f"{counted(task.n_unchecked, 'item')} matched by number alone: no content, no hash"
    if task.n_repeated:
        yield f"{counted(task.n_repeated, 'row')} in the files twice"
    for row in task.metrics:
        if row.n_not_finite:
            yield f"{counted(row.n_not_finite, 'item')} without a finite {row.metric} of both"
        if row.clustered is not None:
            ends = row.clustered.interval_points
            yield (
                f"items of {row.clustered.n_clusters:,} sources; with these as the unit, "
                f"{row.metric} is {_points(row.difference)} [{_points(ends.low)}, "
                f"{_points(ends.high)}]"
            )
    for name, reason in task.not_compared.items():
        yield f"{name} not compared: {reason}"
    if task.loglikelihoods is not None:
        yield _changes(task.loglikelihoods)


def _changes(change: LoglikelihoodChange) -> str:
    greedy = change.n_greedy_changed
    finite = f", {change.n_not_finite:,} more not finite" if change.n_not_finite else ""
    return (
        f"{change.n_requests:,} log-likelihoods{finite}: mean change {_signed(change.mean)} nats, "
        f"in size {fmt.nats(change.mean_abs)}, 99% within {fmt.nats(change.p99_abs)}"
    ) + ("" if greedy is None else f"; {greedy:,} greedy in one model alone")


def _worth(each: PairedSource) -> str | None:
    """Return what pairing is worth, in the middle of all rows."""
    worths = [
        (row.unpaired_error / row.paired_error) ** 2
        for row in each.metrics
        if row.paired_error and row.unpaired_error
    ]
    if not worths or (times := statistics.median(worths)) < 1:
        return None
    return (
        f"pairing tells as much as {fmt.plain(times, 1)} times the items would without it, in the "
        "middle of these rows"
    )


def _how_to_read(found: PairedSamples) -> str:
    prompts = " Items count as the same whatever their prompts." if found.any_prompt else ""
    return (
        f"Intervals are of {100 * LEVEL:g}%, each by itself, for new items of the same kind; p is "
        f"adjusted for {counted(found.n_tests, 'test')} (Holm): McNemar's exact one of right "
        "items, otherwise the paired t-test. Equivalent: within "
        f"{fmt.points(found.margin_points)}, all such rows together.{prompts}"
    )


def _value(row: PairedMetric, value: float) -> str:
    return fmt.plain(100 * value, 2) if row.kind == "share" else _number(value)


def _errors(row: PairedMetric) -> str:
    if row.paired_error is None or row.unpaired_error is None:
        return ""
    write = _plain_points if row.kind == "share" else _number
    return f"{write(row.paired_error)} / {write(row.unpaired_error)}"


def _plain_points(value: float) -> str:
    return fmt.plain(value, 2)


def _points(value: float) -> str:
    return fmt.signed(value, 2)


def _number(value: float) -> str:
    """Return a number with four significant digits."""
    shown = f"{abs(value):.4g}"
    return f"{fmt.MINUS}{shown}" if value < 0 and float(shown) else shown


def _signed(value: float) -> str:
    text = _number(value)
    return f"+{text}" if value > 0 else text


def _cut(text: str | None) -> str | None:
    return None if text is None else printable(text, _MOST_CHARACTERS)
