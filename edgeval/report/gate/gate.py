"""Gate: what a record shows of each condition, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from edgeval.errors import EdgevalError
from edgeval.records import Report, VerdictStatus
from edgeval.report import formatting as fmt
from edgeval.report.gate.conditions import Condition, Quantity, read_conditions
from edgeval.report.gate.known import in_words, is_true, known
from edgeval.report.gate.subject import Subject
from edgeval.report.record_view import RecordView, RunView
from edgeval.report.verdicts import claim_in_short, judged_claims

Outcome = Literal["broken", "failed", "open", "held"]
"""What is shown of a condition: that it is true (``broken``), that it is not (``held``), or neither
(``open``); nothing where what it is about ``failed``."""

BROKEN, FAILED, OPEN = 3, 1, 4
"""Exit codes. That something is broken stays so, whatever else failed or is open."""

_REFERENCE_FAILED: Final = "the reference failed, as the report says"
_DECIDED: Final[tuple[VerdictStatus, ...]] = ("reproduced", "not_reproduced")


@dataclass(frozen=True)
class Check:
    """One condition of one type, or of one published number.

    Attributes:
        condition: The condition; without the type that it may name.
        about: The label of the type, or the published number in short.
        outcome: What is shown: ``broken``, ``failed``, ``open`` or ``held``.
        reason: What is known, as a clause.
    """

    condition: Condition
    about: str
    outcome: Outcome
    reason: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.outcome}: {self.about}: {self.condition} ({self.reason})"


@dataclass(frozen=True)
class Gate:
    """What a record shows of some conditions.

    Attributes:
        conditions: The conditions.
        checks: Each of them of each type that it is about.
        is_strict: Whether what is open counts as broken.
    """

    conditions: tuple[Condition, ...]
    checks: tuple[Check, ...]
    is_strict: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether any is broken, or open where that counts as broken."""
        return any(
            each.outcome == "broken" or (self.is_strict and each.outcome == "open")
            for each in self.checks
        )

    @property
    def exit_code(self) -> int:
        """3 if any is broken, else 1 if any failed, else 4 if any is open, else 0."""
        found = {each.outcome for each in self.checks}
        if self.is_broken:
            return BROKEN
        return FAILED if "failed" in found else OPEN if "open" in found else 0

    @property
    def lines(self) -> list[str]:
        """A line for each condition and type that is not held."""
        return [str(each) for each in self.checks if each.outcome != "held"]


def gate(report: Report, conditions: Iterable[str | Condition], *, strict: bool = False) -> Gate:
    """Hold a saved record to conditions.

    Args:
        report: The record.
        conditions: The conditions, each of which is to be false: ``drift>1.0``,
            ``Q4_K_M:kl>0.05``, ``verdict!=reproduced``, ``undecided``.
        strict: Whether what is open counts as broken.

    Returns:
        What the record shows of each condition and type, with the exit code of the command line.

    Raises:
        EdgevalError: If a condition cannot be read, or the record says nothing of it.
    """
    if not isinstance(report, Report):
        raise EdgevalError(
            "edgeval eval makes no ladder, so there is nothing to hold to conditions; use a report "
            "of edgeval run"
        )
    asked = read_conditions(conditions)
    subject, view = Subject.of(report), RecordView.of(report)
    subject.require(asked)
    # Two conditions may be about the same type.
    return Gate(asked, tuple(dict.fromkeys(_checks(asked, subject, view))), strict)


def _checks(
    asked: Iterable[Condition], subject: Subject, view: RecordView[Report]
) -> Iterator[Check]:
    runs = {run.run.label: run for run in view.runs}
    for each in asked:
        if each.name == "verdict":
            yield from _of_claims(each, view)
            continue
        condition = replace(each, type=None)
        for label in subject.labels(each):
            yield Check(condition, label, *_of_run(condition, view, runs.get(label)))


def _of_claims(condition: Condition, view: RecordView[Report]) -> Iterator[Check]:
    for claim in view.record.claims if view.reference is None else ():
        yield Check(condition, claim_in_short(claim), "failed", _REFERENCE_FAILED)
    for claim, verdict in judged_claims(view):
        outcome = _of_status(condition, verdict.status)
        status = verdict.status.replace("_", " ")
        yield Check(condition, claim_in_short(claim), outcome, f"the verdict is {status}")


def _of_status(condition: Condition, status: VerdictStatus) -> Outcome:
    """Return what a verdict shows: whether a claim is reproduced, only a decided one tells."""
    if condition.status in _DECIDED and status not in _DECIDED:
        return "open"
    is_same = status == condition.status
    return "broken" if is_same == (condition.operator == "==") else "held"


def _of_run(
    condition: Condition, view: RecordView[Report], run: RunView | None
) -> tuple[Outcome, str]:
    if run is None:
        return "failed", "it was not evaluated, as the report says"
    if condition.name == "undecided":
        return _undecided(view, run)
    found = known(cast("Quantity", condition.name), view, run)
    if found is None:
        is_failed = view.reference is None
        return ("failed", _REFERENCE_FAILED) if is_failed else ("open", "it was not measured")
    told = in_words(found, condition)
    broken = is_true(condition, found)
    return "open" if broken is None else "broken" if broken else "held", told


def _undecided(view: RecordView[Report], run: RunView) -> tuple[Outcome, str]:
    """Return whether it is open if a type is at most the margin worse: what a ladder asks."""
    if run.drift is None:
        return _of_run(Condition("drift", ">", 0.0), view, run)
    margin = run.drift.split.margin_points
    outcome, told = _of_run(Condition("drift", ">", margin), view, run)
    told = f"{told}; the margin is {fmt.points(margin)}"
    return "broken" if outcome == "open" else "held", told
