"""Conclusion: the main result in a few sentences, and what its numbers speak about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edgeval.errors import listed, plural
from edgeval.records import UNQUANTIZED, Drift, Interval, ModelRun, Outcome, Report
from edgeval.report import formatting as fmt
from edgeval.report.failures import failed_clause, not_compared
from edgeval.report.items import all_items, items_in_short, until_decided
from edgeval.report.record_view import RecordView, RunView
from edgeval.stats.paired import limit_items, shows

_View = RecordView[Report]
_Kind = Literal[Outcome, "clearly better", "better", "no worse"]

EVERY_LOOK = "The intervals are valid at every look."
"""What is true of evaluations that stopped early."""


def conclusion(view: RecordView[Report]) -> str:
    """Return which type to take, what is known of each on the split, and how surely."""
    if view.reference is None:
        return not_compared(view.record)
    reference = view.reference.run
    if not view.drifts:
        return f"{_alone(view, view.reference)}."
    sentences = [
        f"{_where(view)}{_smallest(view, reference)}",
        _outcomes(view, reference),
        _sureness(view),
        _power(view),
        failed_clause(view.record.failures),
        _new_items(view),
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def recommended(view: RecordView[Report]) -> tuple[ModelRun, Drift] | None:
    """Return the smallest type that is shown to be no worse than the margin allows; or None.

    What is shown of all types holds together, so whichever of them is named, it was shown.
    """
    pairs = [
        (run.run, run.drift)
        for run in view.runs
        if run.drift is not None and run.drift.split.non_inferior
    ]
    return min(pairs, key=lambda pair: pair[0].file_bytes, default=None)


def interval_sentence(view: RecordView[Report]) -> str:
    """Return what the accuracies and intervals of a ladder speak about, if it has intervals.

    It is empty where every type was scored on the whole split.
    """
    if not view.is_slice:
        return ""
    if not view.is_sample:
        return (
            "Accuracies are those of these items; the intervals hold for the whole split, whatever "
            "the others are."
        )
    sentence = "Accuracies and their intervals are for the whole split."
    if view.is_estimated:
        sentence = (
            f"Accuracies are for the whole split: that of {view.runs[0].run.label} plus the "
            "difference, and so are their intervals."
        )
    return sentence if view.stopping is None else f"{sentence} {EVERY_LOOK}"


def _where(view: _View) -> str:
    """Return what the numbers speak of, and from how many items, for the beginning."""
    data = view.record.data
    split = f"{all_items(data.n_total)} of {data.name}"
    if not view.is_slice:
        return f"On {split}, "
    if stopped := until_decided(view):
        return f"{stopped}. On {split}, "
    return f"On {split}, as far as {items_in_short(view)} tells, "


def _smallest(view: _View, reference: ModelRun) -> str:
    # Of a type that failed nobody knows whether it would do.
    kind = "evaluated type" if view.record.failures else "type"
    pair = recommended(view)
    if pair is None:
        verb = "is shown to be" if view.is_slice else "is"
        return f"no {kind} {verb} at most {view.margin} worse than {reference.label}"
    run, drift = pair
    shown = "shown to be " if view.is_slice else ""
    sizes = f"{fmt.size(run.file_bytes)} instead of {fmt.size(reference.file_bytes)}"
    return (
        f"{run.label} ({sizes}) is the smallest {kind} that is {shown}at most {view.margin} "
        f"worse than {reference.label}: {_difference(drift)}"
    )


def _outcomes(view: _View, reference: ModelRun) -> str:
    """Return what is known of each type, by outcome."""
    by_kind: dict[_Kind, list[Drift]] = {}
    for drift in view.drifts:
        by_kind.setdefault(_kind(drift, view.record.data.n_total), []).append(drift)
    name, within = reference.label, view.margin
    words: dict[_Kind, str] = {
        "equivalent": f"equivalent to {name} within {within}",
        "clearly better": f"better than {name} by more than {within}",
        "better": f"better than {name}, whether by more than {within} is open",
        "no worse": f"at most {within} worse than {name}, and perhaps more than {within} better",
        "different": f"worse than {name}, whether by more than {within} is open",
        "worse": f"worse than {name} by more than {within}",
        "open": "open",
    }
    clauses = [
        _clause(by_kind[kind], predicate, kind)
        for kind, predicate in words.items()
        if kind in by_kind
    ]
    text = "; ".join(clauses)
    return text[:1].upper() + text[1:]


def _kind(drift: Drift, population: int) -> _Kind:
    """Return the outcome, and what is known beside it: on which side, and whether no worse."""
    split = drift.split
    if not split.non_inferior or split.outcome == "equivalent":
        return split.outcome
    if split.outcome == "open":
        return "no worse"
    is_beyond = shows(split, population, limit_items(split.margin_points, population))
    return "clearly better" if is_beyond else "better"


def _clause(drifts: Sequence[Drift], predicate: str, kind: _Kind) -> str:
    with_points = kind not in ("equivalent", "no worse", "open")
    names = [
        f"{drift.label} ({fmt.signed(drift.difference_points, 2)} points)"
        if with_points
        else drift.label
        for drift in drifts
    ]
    return f"{listed(names)} {plural(len(names), 'is', 'are')} {predicate}"


def _sureness(view: _View) -> str:
    sampled = view.sampled
    if not sampled:
        return ""
    if not view.is_sample:
        return (
            "The first items of a file are no random sample of it, so only what is certain, "
            "whatever the others are, is said"
        )
    holds, is_stopped = view.sureness.clause, view.stopping is not None
    them = plural(len(sampled), "it", "each of them")
    early = f", whenever {them} stopped" if is_stopped else ""
    is_said = any(drift.split.outcome != "open" or drift.split.non_inferior for drift in sampled)
    if len(sampled) == 1:
        said = f"What is said of {sampled[0].label} holds" if is_said else "Its interval holds"
        return f"{said} {holds}{early}"
    if not view.are_together:
        early = ", whenever it stopped" if is_stopped else ""
        return f"What is said of each type holds {holds}{early}"
    if not is_said:
        return f"Their intervals hold {holds}{early}"
    return f"What is said of the types is right {holds}, and so are their intervals{early}"


def _power(view: _View) -> str:
    """Return how many items would probably show more, of types that are not decided."""
    needed = [
        (drift.split.items_for_power, drift.label)
        for drift in view.drifts
        if drift.split.items_for_power is not None
    ]
    if not needed:
        return ""
    most, label = max(needed)
    total, reference = view.record.data.n_total, view.runs[0].run.label
    if most >= total:
        items = f"all {total:,} items show for certain what {label} is"
    else:
        items = (
            f"about {fmt.about(most)} of the {total:,} items show with a probability of 90% that a "
            f"type which flips as often as {label} is equivalent, if its accuracy on the split is "
            f"{reference}'s"
        )
    points = view.drifts[0].split.margin_points
    return f"{items[0].upper()}{items[1:]}; --until {points:g} stops as soon as each is decided"


def _new_items(view: _View) -> str:
    """Return the second row of the headline: what the named type does on new items."""
    pair = recommended(view)
    interval = pair[1].new_items if pair and not view.is_slice else None
    if pair is None or interval is None:
        return ""
    run, drift = pair
    whichever = ", whichever type is named" if len(view.drifts) > 1 else ""
    return (
        f"New items of the same kind are another question: there {run.label} is at "
        f"{fmt.signed(drift.difference_points, 2)} points "
        f"{fmt.difference_interval(interval, drift.split.margin_points)} "
        f"({fmt.level(interval)}{whichever})"
    )


def _difference(drift: Drift) -> str:
    points = f"{fmt.signed(drift.difference_points, 2)} points"
    if drift.split.is_exact:
        return points
    interval = fmt.difference_interval(drift.split.interval_points, drift.split.margin_points)
    return f"{points} {interval}"


def _alone(view: _View, reference: RunView) -> str:
    split, new_items = reference.accuracy.split_interval, reference.accuracy.interval
    known = []
    if split.low < split.high:
        sure = fmt.level(split) if view.is_sample else "for certain"
        known.append(f"{sure} {fmt.accuracy_interval(split)}")
    if new_items is not None:
        known.append(_for_new_items(new_items))
    how = f" ({'; '.join(known)})" if known else ""
    why = failed_clause(view.record.failures) or "No other type was evaluated"
    return (
        f"{_where(view)}{reference.run.label} answers {fmt.accuracy(reference.accuracy.value)}% "
        f"correctly{how}. {why}, so there is no drift to report{_remedy(view)}"
    )


def _remedy(view: _View) -> str:
    """Return what would give a drift to who has a quantized file alone."""
    if view.record.failures or view.runs[0].run.type in UNQUANTIZED:
        return ""
    source = view.record.base_model or "the repository of its model"
    return (
        "; name its F16 or BF16 file beside it, or with --reference that file, "
        f"{source}, or a file of edgeval reference export"
    )


def _for_new_items(interval: Interval) -> str:
    return f"for new items {fmt.level(interval)} {fmt.accuracy_interval(interval)}"
