"""What follows for a claim, and from what, as clauses that every view of a verdict has."""

from __future__ import annotations

from edgeval.records import Claim, DataSource
from edgeval.report import formatting as fmt
from edgeval.stats.verdict import Judgement, where


def outcome(claim: Claim, found: Judgement) -> str:
    """Return the status in words, with the grade of what is reproduced.

    That is *to the item count* where as many items are right as the published number says, and
    *within tolerance* where another number is, or where no count is known of the claim.
    """
    if found.status != "reproduced":
        return found.status.replace("_", " ")
    return (
        f"reproduced {'to the item count' if is_to_the_item(claim, found) else 'within tolerance'}"
    )


def is_to_the_item(claim: Claim, found: Judgement) -> bool:
    """Return whether as many items are right as the published number says."""
    return _items_apart(claim, found) == 0


def reason(claim: Claim, found: Judgement, data: DataSource) -> str:
    """Return from what the status follows, as a clause.

    Args:
        claim: The published number.
        found: What a run says about it.
        data: The items that the run was measured on.
    """
    if found.match.kind == "mismatch":
        return "another measurement neither confirms nor excludes the claim"
    if not found.is_sample:
        return _no_sample(claim, data)
    if found.match.kind == "exact":
        return _exact(claim, found)
    what = "the score" if found.is_whole else "the interval for the whole split"
    within, apart = where(claim, found.measured)
    if within:
        return (
            f"{what} lies within {tolerance(claim)}, and a proxy shows no more than that it agrees"
        )
    if apart:
        return (
            f"{what} lies outside {tolerance(claim)}, but a proxy does not refute a claim, since "
            "what differs may be why"
        )
    return (
        f"{what} reaches beyond {tolerance(claim)}, so that it neither confirms nor excludes the "
        "claim"
    )


def confidence(found: Judgement) -> str:
    """Return how sure the status is, as a sentence; empty where sampling is not in doubt."""
    if found.confidence is None:
        return ""
    return (
        "The probability that the whole split's value lies within the tolerance, as this says, is "
        f"{fmt.probability(found.confidence)}: the exact posterior, if every value was as likely "
        "as another before."
    )


def tolerance(claim: Claim) -> str:
    """Return what is within the tolerance of a claim: ``the tolerance of ±1 point, 58.20 to …``."""
    margin = claim.tolerance_points
    low, high = (fmt.plain(claim.value + way * margin, 2) for way in (-1, 1))
    return f"the tolerance of ±{fmt.points(margin)}, {low} to {high}"


def _exact(claim: Claim, found: Judgement) -> str:
    apart = _items_apart(claim, found)
    if apart == 0:
        return f"as many items are right as were published, {_published(claim)}"
    side = "within" if found.status == "reproduced" else "outside"
    found_at = f"the score lies {side} {tolerance(claim)}"
    if apart is None:
        return found_at
    items = "1 item" if abs(apart) == 1 else f"{abs(apart):,} items"
    than = "more than" if apart > 0 else "fewer than"
    return f"{found_at}, {items} {than} the published {_published(claim)}"


def _items_apart(claim: Claim, found: Judgement) -> int | None:
    """Return how many more items are right than were published, if both counts are known."""
    is_counted = found.match.kind == "exact" and found.measured.total == claim.n_items
    if claim.correct is None or not is_counted:
        return None
    return found.measured.correct - claim.correct


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
