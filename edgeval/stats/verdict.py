"""Verdict: what a measurement says about a published number, from the record alone."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from edgeval.errors import EdgevalError
from edgeval.records import (
    Claim,
    ClaimCitation,
    DataSource,
    Interval,
    Metric,
    ModelRun,
    ProtocolInfo,
    ProtocolMatch,
    Report,
    Verdict,
    VerdictStatus,
)
from edgeval.stats.claim_match import Match, match
from edgeval.stats.contradictions import contradiction
from edgeval.stats.hypergeometric import posterior_at_most
from edgeval.stats.metrics import metric

_ROUNDING_POINTS = 1e-9
"""Keeps a difference of exactly the tolerance inside it, whatever its binary fraction."""

_NAMESPACE = uuid.UUID("6f9f2a53-6b0c-5d0e-9c55-2f8f2f6a1c11")

_NOT_IN_ID = {"decimals", "correct", "row_average", "shots"}
"""What is kept of a claim since its verdicts have ids: they follow from its number and place."""
_DATA_NOT_IN_ID = {"task", "task_version", "chance"}
"""The same of data: a claim is judged only on its own task's."""


@dataclass(frozen=True)
class Judgement:
    """What one run says about one claim, and why.

    Attributes:
        metric: Name of the metric that is judged: the claim's, or the protocol's if the run lacks
            that.
        measured: Its value, with the interval for the claim's split.
        population: Number of items in that split, or in the file if that has more.
        is_sample: Whether the items are all of a split as large as the claim's, or a random sample
            of one: only then the interval says anything about it.
        match: How the measurement relates to the claim.
        status: What follows.
        confidence: Probability that the status is right, where sampling is what is in doubt.
    """

    metric: str
    measured: Metric
    population: int
    is_sample: bool
    match: Match
    status: VerdictStatus
    confidence: float | None

    @property
    def is_whole(self) -> bool:
        """Whether every item of the split was scored."""
        return self.measured.total >= self.population


def judged(report: Report, claims: Sequence[Claim]) -> Report:
    """Return a record with claims and what it says about them: nothing if the reference failed."""
    found = report.model_copy(update={"claims": list(claims)})
    return found.model_copy(update={"verdicts": verdicts(found)})


def at_margin(report: Report, points: float) -> Report:
    """Return a record that is judged by one tolerance instead of those of its claims.

    Args:
        report: The record.
        points: The tolerance, in points.

    Raises:
        EdgevalError: If no number of points can be that far from another.
    """
    require_tolerance(points)
    return judged(report, [claim_at(claim, points) for claim in report.claims])


def require_tolerance(points: float) -> None:
    """Refuse a tolerance that no number of points can be.

    Raises:
        EdgevalError: If it is not above 0, or above 100.
    """
    if not 0 < points <= 100:
        raise EdgevalError(f"--margin is {points:g}; give points above 0, at most 100")


def claim_at(claim: Claim, points: float) -> Claim:
    """Return a claim with another tolerance than its own, which its notes keep."""
    own = f"tolerance ±{points:g} points by --margin instead of ±{claim.tolerance_points:g}"
    notes = "; ".join(filter(None, (claim.notes, own)))
    return claim.model_copy(update={"tolerance_points": points, "notes": notes})


def verdicts(report: Report) -> list[Verdict]:
    """Return what a record says about each of its claims, by the reference's numbers.

    It follows from the record alone: whoever has the same record gets the same verdicts, with the
    same ids and times. Without the reference's numbers there are none.
    """
    reference = report.reference
    if reference is None:
        return []
    return [
        verdict(
            claim,
            reference,
            report.data,
            report.protocol,
            report.created_at,
            report.edgeval_version,
            row_contradiction(report, claim),
            report.base_model,
        )
        for claim in report.claims
    ]


def row_contradiction(report: Report, claim: Claim) -> str:
    """Return in what the published numbers beside a claim contradict themselves, and it.

    Args:
        report: The record.
        claim: One of its claims; where it stands in no row, nothing is beside it.

    Returns:
        A sentence, or nothing.
    """
    row = [claim]
    if claim.citation.row:
        published = (*report.claims, *report.other_claims)
        average = claim.row_average
        row = [each for each in published if each.citation.row and each.row_average == average]
    return contradiction(row)


def verdict(
    claim: Claim,
    run: ModelRun,
    data: DataSource,
    protocol: ProtocolInfo,
    computed_at: datetime,
    edgeval_version: str,
    contradicts: str = "",
    base_model: str | None = None,
) -> Verdict:
    """Judge one claim by one run: the same inputs give the same verdict.

    Args:
        claim: The published number.
        run: The measured model.
        data: The items it was measured on.
        protocol: The protocol it was measured with.
        computed_at: Time of the measurement, in UTC.
        edgeval_version: The edgeval that measured.
        contradicts: In what the claim's row contradicts itself, as a sentence.
        base_model: What ready files say that they are of.
    """
    found = judge(claim, run, data, protocol, base_model)
    claimed = claim.model_dump_json(exclude=_NOT_IN_ID)
    measured = data.model_dump_json(exclude=_DATA_NOT_IN_ID)
    inputs = (claimed, measured, protocol.model_dump_json())
    notes = (
        claim.notes,
        f"protocol_match is {found.match.kind}",
        *found.match.differences,
        contradicts.rstrip("."),
    )
    return Verdict(
        id=verdict_id(run.sha256, *inputs),
        status=found.status,
        score=found.measured.value,
        confidence=found.confidence,
        agent_version=f"edgeval-{edgeval_version}",
        computed_at=computed_at,
        claim_citation=ClaimCitation(
            **claim.citation.model_dump(),
            reported_value=claim.value,
            reported_metric=claim.metric,
            notes="; ".join(filter(None, notes)),
        ),
        protocol_match=found.match.kind,
    )


def verdict_id(*inputs: str) -> str:
    """Return the identifier of a verdict: the same for the same inputs."""
    return str(uuid.uuid5(_NAMESPACE, " ".join(inputs)))


def judge(
    claim: Claim,
    run: ModelRun,
    data: DataSource,
    protocol: ProtocolInfo,
    base_model: str | None = None,
) -> Judgement:
    """Return what one run says about one claim, with the numbers and differences behind it."""
    found = match(claim, run, data, protocol, base_model)
    name = claim.metric if claim.metric in run.metrics else protocol.metric
    counted = run.metrics[name]
    # A file smaller than the claim's split is a part of it, however much of the file was scored.
    population = max(data.n_total, claim.n_items)
    is_whole = counted.total >= population
    # The interval of what stopped early is valid because of how it was made: no other is.
    stopped_early = run.stopping is not None and not is_whole
    counts = counted.correct, counted.total, population
    measured = counted if stopped_early else metric(*counts, is_random=data.order != "file")
    is_sample = data.n_total == claim.n_items and (is_whole or data.order != "file")
    follows = status(claim, measured, found.kind, is_sample)
    is_in_doubt = follows == "partial" and not is_whole and not stopped_early
    return Judgement(
        metric=name,
        measured=measured,
        population=population,
        is_sample=is_sample,
        match=found,
        status=follows,
        confidence=confidence(claim, measured, population) if is_in_doubt else None,
    )


def status(
    claim: Claim, measured: Metric, kind: ProtocolMatch, is_sample: bool = True
) -> VerdictStatus:
    """Return the status that the split's interval and the protocol match decide.

    A proxy never refutes: what differs may be why it is elsewhere. It agrees with the claim if its
    interval lies within the tolerance, which a wrong value's does in at most 2.5 % of all samples.

    Args:
        claim: The published number.
        measured: What was measured, with the interval for the split.
        kind: How that relates to the claim.
        is_sample: Whether the interval says anything about the claim's split.
    """
    within, apart = where(claim, measured)
    if kind == "mismatch" or not is_sample:
        return "inconclusive"
    if kind == "proxy":
        return "partial" if within else "inconclusive"
    return "reproduced" if within else "not_reproduced" if apart else "inconclusive"


def where(claim: Claim, measured: Metric) -> tuple[bool, bool]:
    """Return whether all of the split's interval lies within the tolerance, and whether none."""
    return where_of(claim, measured.split_interval)


def where_of(claim: Claim, interval: Interval) -> tuple[bool, bool]:
    """Return whether all of an interval lies within the tolerance of a claim, and whether none."""
    low, high = 100 * interval.low, 100 * interval.high
    least, most = _tolerated(claim)
    return least <= low and high <= most, high < least or low > most


def confidence(claim: Claim, measured: Metric, population: int) -> float:
    """Return the probability that the split's value lies within the tolerance of the claim.

    It is the posterior after a random sample, of a fixed number of items, if each number of right
    items in the split was as likely as another before. With every item measured it is 0 or 1.
    """
    least, most = (points * population / 100 for points in _tolerated(claim))
    sample = (measured.correct, measured.total, population)
    below = posterior_at_most(math.ceil(least) - 1, *sample)
    return max(0.0, posterior_at_most(math.floor(most), *sample) - below)


def _tolerated(claim: Claim) -> tuple[float, float]:
    """Return the least and the most points that are within the tolerance of a claim."""
    margin = claim.tolerance_points + _ROUNDING_POINTS
    return claim.value - margin, claim.value + margin
