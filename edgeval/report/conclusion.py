"""The main result in a few sentences: which type to take, and what is known of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edgeval import errors
from edgeval.records import Drift, Interval, ModelRun, Outcome, Report
from edgeval.report import formatting as fmt
from edgeval.report.comparison import (
    are_together,
    compared_runs,
    is_counted,
    margin,
    primary,
    sampled,
    split_estimate,
    together,
)
from edgeval.report.failures import failed_clause, not_compared
from edgeval.report.items import all_items, is_sample, items_in_short, stopping_of, until_decided
from edgeval.stats.paired import limit_items, shows

_Pairs = Sequence[tuple[ModelRun, Drift]]
_Kind = Literal[Outcome, "clearly better", "better", "no worse"]


def conclusion(report: Report) -> str:
    """Return which type to take, what is known of each on the split, and how surely."""
    reference = report.reference
    if reference is None:
        return not_compared(report)
    if not report.drift:
        return f"{_alone(report, reference)}."
    pairs = [(run, found) for run, found in compared_runs(report)[1:] if found is not None]
    sentences = [
        f"{_where(report)}{_smallest(report, reference)}",
        _outcomes(report, pairs, reference),
        _sureness(report),
        _power(report, pairs),
        failed_clause(report.failures),
        _new_items(report),
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def recommended(report: Report) -> tuple[ModelRun, Drift] | None:
    """Return the smallest type that is shown to be no worse than the margin allows; or None.

    What is shown of all types holds together, so whichever of them is named, it was shown.
    """
    pairs = [
        (run, found)
        for run, found in compared_runs(report)
        if found is not None and found.split.non_inferior
    ]
    return min(pairs, key=lambda pair: pair[0].file_bytes, default=None)


def _where(report: Report) -> str:
    """Return what the numbers speak of, and from how many items, for the beginning."""
    data = report.data
    split = f"{all_items(data.n_total)} of {data.name}"
    stopping = stopping_of(report)
    if is_counted(report):
        return f"On {split}, "
    if stopping is not None:
        return f"{until_decided(report, stopping)}. On {split}, "
    return f"On {split}, as far as {items_in_short(report)} tells, "


def _smallest(report: Report, reference: ModelRun) -> str:
    # Of a type that failed nobody knows whether it would do.
    kind = "evaluated type" if report.failures else "type"
    shown = "" if is_counted(report) else "shown to be "
    found = recommended(report)
    if found is None:
        none = "is" if is_counted(report) else "is shown to be"
        return f"no {kind} {none} at most {margin(report)} worse than {reference.label}"
    run, drift = found
    sizes = f"{fmt.size(run.file_bytes)} instead of {fmt.size(reference.file_bytes)}"
    return (
        f"{run.label} ({sizes}) is the smallest {kind} that is {shown}at most {margin(report)} "
        f"worse than {reference.label}: {_difference(drift)}"
    )


def _outcomes(report: Report, pairs: _Pairs, reference: ModelRun) -> str:
    """Return what is known of each type, by outcome."""
    by_kind: dict[_Kind, list[Drift]] = {}
    for _, found in pairs:
        by_kind.setdefault(_kind(found, report.data.n_total), []).append(found)
    name, within = reference.label, margin(report)
    words: dict[_Kind, str] = {
        "equivalent": f"equivalent to {name} within {within}",
        "clearly better": f"better than {name} by more than {within}",
        "better": f"better than {name}, whether by more than {within} is open",
        "no worse": f"at most {within} worse than {name}, and perhaps more than {within} better",
        "different": f"worse than {name}, whether by more than {within} is open",
        "worse": f"worse than {name} by more than {within}",
        "open": "open",
    }
    clauses = [_clause(by_kind.get(kind, []), what, kind) for kind, what in words.items()]
    text = "; ".join(clause for clause in clauses if clause)
    return text[:1].upper() + text[1:]


def _kind(found: Drift, population: int) -> _Kind:
    """Return the outcome, and what is known beside it: on which side, and whether no worse."""
    split = found.split
    if not split.non_inferior or split.outcome == "equivalent":
        return split.outcome
    if split.outcome == "open":
        return "no worse"
    is_beyond = shows(split, population, limit_items(split.margin_points, population))
    return "clearly better" if is_beyond else "better"


def _clause(drifts: Sequence[Drift], what: str, kind: _Kind) -> str:
    if not drifts:
        return ""
    with_points = kind not in ("equivalent", "no worse", "open")
    names = [
        f"{found.label} ({fmt.signed(found.difference_points, 2)} points)"
        if with_points
        else found.label
        for found in drifts
    ]
    return f"{errors.listed(names)} {'is' if len(names) == 1 else 'are'} {what}"


def _sureness(report: Report) -> str:
    found = sampled(report)
    if not found:
        return ""
    if not is_sample(report):
        return (
            "The first items of a file are no random sample of it, so only what is certain, "
            "whatever the others are, is said"
        )
    is_one, is_stopped = len(found) == 1, stopping_of(report) is not None
    early = f", whenever {'it' if is_one else 'each of them'} stopped" if is_stopped else ""
    is_said = any(each.split.outcome != "open" or each.split.non_inferior for each in found)
    if is_one:
        what = f"What is said of {found[0].label} holds" if is_said else "Its interval holds"
        return f"{what} {together(report)}{early}"
    if not are_together(report):
        early = ", whenever it stopped" if is_stopped else ""
        return f"What is said of each type holds {together(report)}{early}"
    if not is_said:
        return f"Their intervals hold {together(report)}{early}"
    return (
        f"What is said of the types is right {together(report)}, and so are their intervals{early}"
    )


def _power(report: Report, pairs: _Pairs) -> str:
    """Return how many items would probably show more, of types that are not decided."""
    needed = [
        (found.split.items_for_power, found.label)
        for _, found in pairs
        if found.split.items_for_power is not None
    ]
    if not needed:
        return ""
    most, label = max(needed)
    total, reference = report.data.n_total, report.runs[0].label
    if most >= total:
        items = f"all {total:,} items show for certain what {label} is"
    else:
        items = (
            f"about {fmt.about(most)} of the {total:,} items show with a probability of 90% that a "
            f"type which flips as often as {label} is equivalent, if its accuracy on the split is "
            f"{reference}'s"
        )
    points = report.drift[0].split.margin_points
    return f"{items[0].upper()}{items[1:]}; --until {points:g} stops as soon as each is decided"


def _new_items(report: Report) -> str:
    """Return the second row of the headline: what the named type does on new items."""
    found = recommended(report)
    interval = found[1].new_items if found and is_counted(report) else None
    if found is None or interval is None:
        return ""
    run, drift = found
    whichever = ", whichever type is named" if len(report.drift) > 1 else ""
    return (
        f"New items of the same kind are another question: there {run.label} is at "
        f"{fmt.signed(drift.difference_points, 2)} points "
        f"{fmt.difference_interval(interval, drift.split.margin_points)} "
        f"({fmt.level(interval)}{whichever})"
    )


def _difference(found: Drift) -> str:
    points = f"{fmt.signed(found.difference_points, 2)} points"
    if found.split.is_exact:
        return points
    interval = fmt.difference_interval(found.split.interval_points, found.split.margin_points)
    return f"{points} {interval}"


def _alone(report: Report, run: ModelRun) -> str:
    found = primary(report, run)
    estimate = split_estimate(found, None)
    interval = estimate.interval
    known = []
    if interval.low < interval.high:
        sure = fmt.level(interval) if is_sample(report) else "for certain"
        known.append(f"{sure} {fmt.accuracy_interval(interval)}")
    if found.interval is not None:
        known.append(_for_new_items(found.interval))
    how = f" ({'; '.join(known)})" if known else ""
    why = failed_clause(report.failures) or "No other type was evaluated"
    return (
        f"{_where(report)}{run.label} answers {fmt.accuracy(estimate.value)}% correctly{how}. "
        f"{why}, so there is no drift to report"
    )


def _for_new_items(interval: Interval) -> str:
    return f"for new items {fmt.level(interval)} {fmt.accuracy_interval(interval)}"
