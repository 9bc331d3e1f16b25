"""What all views share: the rows of the ladder and the sentences about it, from a saved record."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Claim, Drift, ModelRun, Report, Verdict, VerdictStatus
from edgeval.report import formatting as fmt
from edgeval.report.comparison import (
    Reading,
    compared_runs,
    is_slice,
    margin,
    primary,
    reading,
)

STATUS_LABELS: dict[VerdictStatus, str] = {
    "reproduced": "Reproduced",
    "partial": "Partial",
    "not_reproduced": "Not reproduced",
    "inconclusive": "Inconclusive",
}
"""The statuses of a verdict as a heading."""

_STATUS_REASONS: dict[VerdictStatus, str] = {
    "reproduced": "the same protocol on the whole split, and within the tolerance of the claim",
    "partial": "it agrees with the claim so far, but it is a proxy of the published measurement",
    "not_reproduced": "the split's interval excludes the claim and its tolerance",
    "inconclusive": "this measurement can neither confirm nor exclude the claim",
}


NO_CLAIM = "No published number is recorded for this model and task, so there is no verdict."


@dataclass(frozen=True)
class LadderRow:
    """One type of the ladder, ready to print.

    Attributes:
        type: File type, and whether an importance matrix was used.
        size: File size with its unit.
        bits_per_weight: Tensor bits over parameters.
        accuracy: Primary metric in percent.
        interval: Its interval for new items, in percent.
        split_interval: Its interval for the whole split, in percent; ``exact`` if all was scored.
        difference: Accuracy minus the reference's in points with its paired interval, or
            ``reference``.
        difference_points: The difference alone.
        difference_interval: The paired interval alone; empty where there is none.
        flips: Items lost and gained against the reference.
        lost: Items lost alone.
        gained: Items gained alone.
        mcnemar_p: Exact two-sided p-value.
        agreement: Items with the same pick as the reference, in percent.
        tokens_per_s: Decoded tokens a second.
        reading: What the paired interval says.
    """

    type: str
    size: str
    bits_per_weight: str
    accuracy: str
    interval: str
    split_interval: str
    difference: str
    difference_points: str
    difference_interval: str
    flips: str
    lost: str
    gained: str
    mcnemar_p: str
    agreement: str
    tokens_per_s: str
    reading: Reading


def ladder_rows(report: Report) -> list[LadderRow]:
    """Return a row for each run, the reference first."""
    return [_ladder_row(report, run, found) for run, found in compared_runs(report)]


def slice_sentence(report: Report) -> str:
    """Return which items the numbers are of, as a phrase that fits behind a colon."""
    data = report.data
    if not is_slice(report):
        return f"all {data.n_items:,} items of {data.name}"
    found = f"a slice: {data.n_items:,} of {data.n_total:,} items of {data.name}"
    if data.order == "file":
        return (
            f"{found} (the first in the file's order); they are not a random sample, so the "
            "intervals may not speak for the rest of the split"
        )
    interval = primary(report, report.runs[0]).split_interval
    half_width = fmt.plain(50 * (interval.high - interval.low), 1)
    return (
        f"{found} (random, seed {data.seed}); the accuracy on the whole split is known "
        f"to about ±{half_width} points"
    )


def items_in_short(report: Report) -> str:
    """Return which items the numbers are of, for use within a sentence."""
    data = report.data
    if is_slice(report):
        return f"a slice of {data.n_items:,} of {data.n_total:,} items"
    return f"all {data.n_items:,} items"


def conclusion(report: Report) -> str:
    """Return the main result in one or two sentences: what is equivalent, drifted, undecided."""
    pairs = compared_runs(report)
    reference = pairs[0][0]
    if not report.drift:
        return _alone(report, reference)
    groups: dict[Reading, list[tuple[ModelRun, Drift]]] = {}
    for run, found in pairs[1:]:
        if found is not None:
            groups.setdefault(reading(found), []).append((run, found))
    close = groups.get("equivalent", []) + groups.get("small drift", [])
    sentences = [f"On {items_in_short(report)}, {_smallest(close, reference, margin(report))}."]
    rest = [
        *_drifted_clauses(groups.get("drifted", []), close),
        *_undecided_clauses(report, groups.get("undecided", [])),
    ]
    if rest:
        text = "; ".join(rest)
        sentences.append(f"{text[0].upper()}{text[1:]}.")
    return " ".join(sentences)


def claim_in_short(claim: Claim) -> str:
    """Return what was published, for a heading: ``acc_norm 59.20, HellaSwag 0-shot``."""
    return f"{claim.metric} {fmt.plain(claim.value, 2)}, {claim.citation.column}"


def verdict_sentences(report: Report) -> list[str]:
    """Return each verdict as a sentence that begins with its status."""
    return [
        f"{STATUS_LABELS[verdict.status]}. {verdict_sentence(report, verdict)}"
        for verdict in report.verdicts
    ]


def verdict_sentence(report: Report, verdict: Verdict) -> str:
    """Return what was measured, what was published, and what follows, without the status."""
    run = compared_runs(report)[0][0]
    claim = verdict.claim_citation
    difference = fmt.signed(100 * verdict.score - claim.reported_value, 2)
    sentence = (
        f"On {items_in_short(report)}, {run.label} scores {fmt.accuracy(verdict.score)}, and the "
        f"published number is {fmt.plain(claim.reported_value, 2)} ({difference} points): "
        f"{_STATUS_REASONS[verdict.status]}."
    )
    if not is_slice(report):
        return sentence
    return (
        f"{sentence} The probability that the whole split lies within the tolerance of the claim "
        f"is {fmt.probability(verdict.confidence)}."
    )


def _ladder_row(report: Report, run: ModelRun, found: Drift | None) -> LadderRow:
    measured = primary(report, run)
    shown: Reading = reading(found)
    if found is None and run is report.runs[0] and len(report.runs) > 1:
        shown = "reference"
    points = fmt.signed(found.difference_points, 2) if found else shown
    interval = fmt.difference_interval(found.stated) if found else ""
    empty = "\N{EN DASH}"
    lost = f"{found.right_to_wrong:,}" if found else empty
    gained = f"{found.wrong_to_right:,}" if found else empty
    return LadderRow(
        type=run.label,
        size=fmt.size(run.file_bytes),
        bits_per_weight=fmt.plain(run.bits_per_weight, 2),
        accuracy=fmt.accuracy(measured.value),
        interval=fmt.accuracy_interval(measured.stated_interval),
        split_interval=fmt.accuracy_interval(measured.split_interval)
        if is_slice(report)
        else "exact",
        difference=f"{points} {interval}".strip(),
        difference_points=points,
        difference_interval=interval,
        flips=f"{lost} lost / {gained} gained" if found else empty,
        lost=lost,
        gained=gained,
        mcnemar_p=fmt.p_value(found.mcnemar_p) if found and found.mcnemar_p is not None else empty,
        agreement=fmt.accuracy(found.pick_agreement)
        if found and found.pick_agreement is not None
        else empty,
        tokens_per_s=fmt.rate(run.tokens_per_s),
        reading=shown,
    )


def _alone(report: Report, run: ModelRun) -> str:
    measured = primary(report, run)
    return (
        f"On {items_in_short(report)}, {run.label} answers {fmt.accuracy(measured.value)}% "
        f"correctly ({fmt.level(measured.stated_interval)} interval for new items "
        f"{fmt.accuracy_interval(measured.stated_interval)}). No other type was evaluated, "
        "so there is no drift to report."
    )


def _smallest(close: list[tuple[ModelRun, Drift]], reference: ModelRun, margin_words: str) -> str:
    within = f"within {margin_words}"
    if not close:
        return f"no type is shown to be equivalent to {reference.label} {within}"
    run, found = min(close, key=lambda pair: pair[0].file_bytes)
    caveat = ", a small but measurable drift" if reading(found) == "small drift" else ""
    sizes = f"{fmt.size(run.file_bytes)} instead of {fmt.size(reference.file_bytes)}"
    return (
        f"{run.label} ({sizes}) is the smallest type that is equivalent to {reference.label} "
        f"{within}: {fmt.signed(found.difference_points, 2)} points "
        f"{fmt.difference_interval(found.stated)}{caveat}"
    )


def _drifted_clauses(
    drifted: list[tuple[ModelRun, Drift]], close: list[tuple[ModelRun, Drift]]
) -> list[str]:
    if not drifted:
        return []
    names = [
        f"{run.label} ({fmt.signed(found.difference_points, 2)} points)" for run, found in drifted
    ]
    its = "its interval excludes" if len(names) == 1 else "their intervals exclude"
    return [f"{fmt.listed(names)} drifted: {its} zero"]


def _undecided_clauses(report: Report, undecided: list[tuple[ModelRun, Drift]]) -> list[str]:
    if not undecided:
        return []
    names = fmt.listed([run.label for run, _ in undecided])
    verb = "is" if len(undecided) == 1 else "are"
    more = max(found.stated.items_needed or 0 for _, found in undecided)
    left = report.data.n_total - report.data.n_items
    split = "" if more <= left else ", more than the split has left"
    return [
        f"{names} {verb} undecided (up to about {fmt.about(more)} more items would tell{split})"
    ]
