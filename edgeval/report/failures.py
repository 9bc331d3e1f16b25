"""Failures in words: which types failed, and what that leaves open."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.errors import listed, plural
from edgeval.records import Failure, Report

FAILED = "failed"
"""What stands where the accuracy of such a type would."""


def failure_sentences(failures: Sequence[Failure]) -> list[str]:
    """Return of each failure what was being done, what happened and what is kept."""
    return [f"{failure.label} {failure_sentence(failure)}" for failure in failures]


def failure_sentence(failure: Failure) -> str:
    """Return a failure as a sentence that a label begins, and those of its reason."""
    kept = f" The scores of {failure.n_items:,} of its items are kept."
    return (
        f"failed while {failure.doing} ({failure.file}): {failure.reason}"
        f"{kept if failure.n_items else ''}"
    )


def failed_clause(failures: Sequence[Failure]) -> str:
    """Return which types failed, without a full stop; empty for none."""
    return f"{listed([failure.label for failure in failures])} failed" if failures else ""


def reference_failed(report: Report) -> str:
    """Return what a failed reference leaves open, as a sentence; empty if it did not fail."""
    failed = next((failure for failure in report.failures if failure.is_reference), None)
    if failed is None:
        return ""
    claims = plural(len(report.claims), "claim is", "claims are")
    judged = f" and the {claims} not judged" if report.claims else ""
    return f"The reference, {failed.label}, failed, so nothing is compared{judged}."


def not_compared(report: Report) -> str:
    """Return what a failed reference leaves open, and which other types failed, as sentences."""
    others = [failure for failure in report.failures if not failure.is_reference]
    also = f" {failed_clause(others)} too." if others else ""
    return f"{reference_failed(report)}{also}"
