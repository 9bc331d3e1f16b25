"""Verdicts in words: what follows for a claim, and from what."""

from __future__ import annotations

from edgeval.errors import counted
from edgeval.records import Claim, DataSource, Report, Verdict, VerdictStatus
from edgeval.report import formatting as fmt
from edgeval.report.facts import location
from edgeval.report.items import reference_items
from edgeval.report.record_view import RecordView
from edgeval.stats.verdict import Judgement, judge, row_contradiction, where

STATUS_LABELS: dict[VerdictStatus, str] = {
    "reproduced": "Reproduced",
    "partial": "Partial",
    "not_reproduced": "Not reproduced",
    "inconclusive": "Inconclusive",
}
"""The statuses of a verdict as a heading."""

NO_CLAIM = "No published number is recorded for this model and task, so there is no verdict."


def claim_in_short(claim: Claim) -> str:
    """Return what was published, for a heading: ``acc_norm 59.20, HellaSwag 0-shot``."""
    return f"{claim.with_metric}, {claim.citation.column or claim.task}"


def judged_claims(view: RecordView[Report]) -> list[tuple[Claim, Verdict]]:
    """Return each claim with its verdict; none if the reference failed."""
    if view.reference is None:
        return []
    return list(zip(view.record.claims, view.record.verdicts, strict=True))


def verdict_sentences(view: RecordView[Report]) -> list[str]:
    """Return each verdict as a sentence that begins with its status."""
    return [
        f"{STATUS_LABELS[verdict.status]}. {verdict_sentence(view, claim, verdict)}"
        for claim, verdict in judged_claims(view)
    ]


def verdict_sentence(view: RecordView[Report], claim: Claim, verdict: Verdict) -> str:
    """Return what was measured, what was published, and what follows, without the status."""
    run, report = view.judged_run.run, view.record
    judgement = judge(claim, run, report.data, report.protocol, report.base_model)
    difference = fmt.signed(100 * verdict.score - claim.value, 2)
    source = f" ({location(claim.citation)})" if len(report.claims) > 1 else ""
    more = ", the same to the item count" if is_to_the_item(claim, judgement) else ""
    if judgement.match.kind == "mismatch":
        more = f" ({judgement.match.differences[0]})"
    sentences = (
        f"On {reference_items(view)}, {run.label} scores {fmt.accuracy(verdict.score)}, and the "
        f"published number{source} is {claim.printed} ({difference} points): "
        f"{reason(claim, judgement, report.data)}{more}.",
        confidence(judgement),
        row_contradiction(report, claim),
    )
    return " ".join(filter(None, sentences))


def outcome(claim: Claim, judgement: Judgement) -> str:
    """Return the status in words, with the grade of what is reproduced.

    That is *to the item count* where as many items are right as the published number says, and
    *within tolerance* where another number is, or where no count is known of the claim.
    """
    if judgement.status != "reproduced":
        return judgement.status.replace("_", " ")
    is_same = is_to_the_item(claim, judgement)
    return f"reproduced {'to the item count' if is_same else 'within tolerance'}"


def is_to_the_item(claim: Claim, judgement: Judgement) -> bool:
    """Return whether as many items are right as the published number says."""
    return _items_apart(claim, judgement) == 0


def reason(claim: Claim, judgement: Judgement, data: DataSource) -> str:
    """Return from what the status follows, as a clause.

    Args:
        claim: The published number.
        judgement: What a run says about it.
        data: The items that the run was measured on.
    """
    if judgement.match.kind == "mismatch":
        return "another measurement neither confirms nor excludes the claim"
    if not judgement.is_sample:
        return _no_sample(claim, data)
    if judgement.match.kind == "exact":
        return _exact(claim, judgement)
    score = "the score" if judgement.is_whole else "the interval for the whole split"
    within, apart = where(claim, judgement.measured)
    if within:
        return (
            f"{score} lies within {tolerance(claim)}, and a proxy shows no more than that it agrees"
        )
    if apart:
        return (
            f"{score} lies outside {tolerance(claim)}, but a proxy does not refute a claim, since "
            "what differs may be why"
        )
    return (
        f"{score} reaches beyond {tolerance(claim)}, so that it neither confirms nor excludes the "
        "claim"
    )


def confidence(judgement: Judgement) -> str:
    """Return how sure the status is, as a sentence; empty where sampling is not in doubt."""
    if judgement.confidence is None:
        return ""
    return (
        "The probability that the whole split's value lies within the tolerance, as this says, is "
        f"{fmt.probability(judgement.confidence)}: the exact posterior, if every value was as "
        "likely as another before."
    )


def tolerance(claim: Claim) -> str:
    """Return what is within the tolerance of a claim: ``the tolerance of ±1 point, 58.20 to …``."""
    margin = claim.tolerance_points
    low, high = (fmt.plain(claim.value + way * margin, 2) for way in (-1, 1))
    return f"the tolerance of ±{fmt.points(margin)}, {low} to {high}"


def _exact(claim: Claim, judgement: Judgement) -> str:
    apart = _items_apart(claim, judgement)
    if apart == 0:
        return f"as many items are right as were published, {_published(claim)}"
    side = "within" if judgement.status == "reproduced" else "outside"
    distance = f"the score lies {side} {tolerance(claim)}"
    if apart is None:
        return distance
    than = "more than" if apart > 0 else "fewer than"
    return f"{distance}, {counted(abs(apart), 'item')} {than} the published {_published(claim)}"


def _items_apart(claim: Claim, judgement: Judgement) -> int | None:
    """Return how many more items are right than were published, if both counts are known."""
    is_counted = judgement.match.kind == "exact" and judgement.measured.total == claim.n_items
    if claim.correct is None or not is_counted:
        return None
    return judgement.measured.correct - claim.correct


def _published(claim: Claim) -> str:
    return f"{claim.correct:,} of {claim.n_items:,}"


def _no_sample(claim: Claim, data: DataSource) -> str:
    if data.n_total != claim.n_items:
        return (
            f"a file of {data.n_total:,} items is no random sample of the claim's "
            f"{claim.n_items:,}, and says nothing of these"
        )
    return (
        "the first items of a file are no random sample, and say nothing of the whole split, "
        "whatever they show"
    )
