"""What all views share: the rows of the ladder and the sentences about it, from a saved record."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.gguf.remarks import mix_in_short
from edgeval.records import Claim, Drift, ModelRun, Report, Verdict, VerdictStatus
from edgeval.report import claim_outcome
from edgeval.report import formatting as fmt
from edgeval.report.comparison import (
    Reading,
    compared_runs,
    is_counted,
    is_estimated,
    primary,
    reading,
    split_estimate,
)
from edgeval.report.items import is_sample, items_of, judged_run, reference_items, stopping_of
from edgeval.report.speeds import EMPTY, rate
from edgeval.stats.verdict import judge, row_contradiction

STATUS_LABELS: dict[VerdictStatus, str] = {
    "reproduced": "Reproduced",
    "partial": "Partial",
    "not_reproduced": "Not reproduced",
    "inconclusive": "Inconclusive",
}
"""The statuses of a verdict as a heading."""

EVERY_LOOK = "The intervals are valid at every look."
"""What is true of evaluations that stopped early."""

NO_CLAIM = "No published number is recorded for this model and task, so there is no verdict."


@dataclass(frozen=True)
class LadderRow:
    """One type of the ladder, ready to print.

    Attributes:
        type: File type, and whether an importance matrix was used.
        source: Where its scores are from, if they were not measured here; otherwise empty.
        mix: What most of its weights are, where that is not what its type says; otherwise empty.
        items: Number of items it was evaluated on.
        size: File size with its unit.
        bits_per_weight: Tensor bits over parameters.
        accuracy: Primary metric of the split, in percent.
        interval: Its interval, in percent, or ``exact``.
        difference: Accuracy minus the reference's in points with its interval, or ``reference``.
        difference_points: The difference alone.
        difference_interval: The interval alone; empty where there is none.
        new_items: The interval of the difference for new items, in points.
        flips: Items lost and gained against the reference, in words.
        counts: The same under a title that says which is which.
        agreement: Items with the same pick as the reference, in percent.
        tokens_per_s: Decoded tokens a second, as ``speeds.rate`` says it.
        reading: What is known of the difference.
    """

    type: str
    source: str
    mix: str
    items: str
    size: str
    bits_per_weight: str
    accuracy: str
    interval: str
    difference: str
    difference_points: str
    difference_interval: str
    new_items: str
    flips: str
    counts: str
    agreement: str
    tokens_per_s: str
    reading: Reading


def ladder_rows(report: Report) -> list[LadderRow]:
    """Return a row for each run, the reference first; types that failed have none."""
    return [_ladder_row(report, run, found) for run, found in compared_runs(report)]


def interval_sentence(report: Report) -> str:
    """Return what the accuracies and intervals of a ladder speak about, if it has intervals.

    It is empty where every type was scored on the whole split.
    """
    if is_counted(report):
        return ""
    if not is_sample(report):
        return (
            "Accuracies are those of these items; the intervals hold for the whole split, whatever "
            "the others are."
        )
    found = "Accuracies and their intervals are for the whole split."
    if is_estimated(report):
        found = (
            f"Accuracies are for the whole split: that of {report.runs[0].label} plus the "
            "difference, and so are their intervals."
        )
    return found if stopping_of(report) is None else f"{found} {EVERY_LOOK}"


def claim_in_short(claim: Claim) -> str:
    """Return what was published, for a heading: ``acc_norm 59.20, HellaSwag 0-shot``."""
    return f"{claim.metric} {claim.printed}, {claim.citation.column}"


def verdict_sentences(report: Report) -> list[str]:
    """Return each verdict as a sentence that begins with its status."""
    return [
        f"{STATUS_LABELS[verdict.status]}. {verdict_sentence(report, verdict)}"
        for verdict in report.verdicts
    ]


def verdict_sentence(report: Report, verdict: Verdict) -> str:
    """Return what was measured, what was published, and what follows, without the status."""
    run, claim = judged_run(report), report.claims[report.verdicts.index(verdict)]
    found = judge(claim, run, report.data, report.protocol)
    difference = fmt.signed(100 * verdict.score - claim.value, 2)
    same = ", the same to the item count" if claim_outcome.is_to_the_item(claim, found) else ""
    sentences = (
        f"On {reference_items(report)}, {run.label} scores {fmt.accuracy(verdict.score)}, and the "
        f"published number is {claim.printed} ({difference} points): "
        f"{claim_outcome.reason(claim, found, report.data)}{same}.",
        claim_outcome.confidence(found),
        row_contradiction(report),
    )
    return " ".join(filter(None, sentences))


def _ladder_row(report: Report, run: ModelRun, found: Drift | None) -> LadderRow:
    measured = primary(report, run)
    estimate = split_estimate(measured, found)
    exact = estimate.interval.low == estimate.interval.high
    known = run.from_reference
    shown: Reading = reading(found)
    is_alone = len(report.runs) + len(report.failures) == 1
    if run is report.reference and not is_alone:
        shown = "reference"
    points = fmt.signed(found.difference_points, 2) if found else shown
    interval = _split_interval(found) if found else ""
    lost, gained = (found.right_to_wrong, found.wrong_to_right) if found else (0, 0)
    agreement = found.pick_agreement if found else None
    return LadderRow(
        type=run.label,
        source=f"from {known.file}" if known else "",
        mix=mix_in_short(run.mix),
        items=f"{items_of(report, run):,}",
        size=fmt.size(run.file_bytes),
        bits_per_weight=fmt.plain(run.bits_per_weight, 2),
        accuracy=fmt.accuracy(estimate.value),
        interval="exact" if exact else fmt.accuracy_interval(estimate.interval),
        difference=f"{points} {interval}".strip(),
        difference_points=points,
        difference_interval=interval,
        new_items=_new_items(found),
        flips=f"{lost:,} lost / {gained:,} gained" if found else EMPTY,
        counts=f"{lost:,} / {gained:,}" if found else EMPTY,
        agreement=EMPTY if agreement is None else fmt.accuracy(agreement),
        tokens_per_s=rate(report, run),
        reading=shown,
    )


def _split_interval(found: Drift) -> str:
    """Return the interval of a difference on the split; empty where it is known for certain."""
    if found.split.is_exact:
        return ""
    return fmt.difference_interval(found.split.interval_points, found.split.margin_points)


def _new_items(found: Drift | None) -> str:
    if found is None or found.new_items is None:
        return EMPTY
    return fmt.difference_interval(found.new_items, found.split.margin_points)
