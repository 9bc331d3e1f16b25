"""Gate of several tasks: what a record of all of them shows of each condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from edgeval.records import Report, Suite
from edgeval.records.suite import ALL_ITEMS
from edgeval.report import formatting as fmt
from edgeval.report.gate.conditions import Condition, read_conditions
from edgeval.report.gate.gate import Check, Gate, Outcome, gate
from edgeval.report.gate.known import Known, in_words, is_true
from edgeval.report.gate.subject import Subject


def gate_of(
    record: Report | Suite, conditions: Iterable[str | Condition], *, strict: bool = False
) -> Gate:
    """Hold a saved record of one task, or of several, to conditions.

    A condition is about each task; one of a drift is about all items together, too.

    Args:
        record: The record.
        conditions: The conditions, each of which is to be false; see ``gate``.
        strict: Whether what is open counts as broken.

    Raises:
        EdgevalError: If a condition cannot be read, or the record says nothing of it.
    """
    if not isinstance(record, Suite):
        return gate(record, conditions, strict=strict)
    asked = read_conditions(conditions)
    checks = dict.fromkeys(check for each in asked for check in _checks(each, record))
    return Gate(asked, tuple(checks), strict)


def _checks(condition: Condition, record: Suite) -> Iterator[Check]:
    for report in _about(condition, record.reports):
        for check in gate(report, [condition]).checks:
            yield replace(check, about=f"{report.data.task}: {check.about}")
    if condition.name == "drift":
        yield from _of_all_items(condition, record)


def _about(condition: Condition, reports: Sequence[Report]) -> Sequence[Report]:
    """Return the tasks that a condition is about: a verdict's are those with a published number."""
    if condition.name != "verdict":
        return reports
    return [report for report in reports if report.claims] or reports


def _of_all_items(condition: Condition, record: Suite) -> Iterator[Check]:
    labels = {
        label
        for report in record.reports
        if report.reference is not None
        for label in Subject.of(report).labels(condition)
    }
    plain = replace(condition, type=None)
    for drift in record.pooled:
        if drift.label not in labels:
            continue
        split = drift.by_items.split
        sure = f"together with {fmt.level(split)}" if split.low != split.high else "all items"
        found = Known(-drift.by_items.difference_points, -split.high, -split.low, sure)
        broken = is_true(plain, found)
        outcome: Outcome = "open" if broken is None else "broken" if broken else "held"
        yield Check(plain, f"{ALL_ITEMS}: {drift.label}", outcome, in_words(found, plain))
