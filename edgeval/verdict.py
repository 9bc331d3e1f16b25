"""What a measurement says about a published number: nothing but the record is needed for it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

from edgeval.metrics import effective_size, metric, wilson_centre
from edgeval.records import (
    UNQUANTIZED,
    Claim,
    ClaimCitation,
    DataSource,
    Metric,
    ModelRun,
    ProtocolInfo,
    ProtocolMatch,
    Report,
    Verdict,
    VerdictStatus,
)

_ROUNDING_POINTS = 1e-9
"""Keeps a difference of exactly the tolerance inside it, whatever its binary fraction."""

_NAMESPACE = uuid.UUID("6f9f2a53-6b0c-5d0e-9c55-2f8f2f6a1c11")


@dataclass(frozen=True)
class Match:
    """How a measurement's protocol relates to a claim's, and every difference in words."""

    kind: ProtocolMatch
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """What one run says about one claim, and why.

    Attributes:
        metric: Name of the metric that is judged: the claim's, or the protocol's if the run lacks
            that.
        measured: Its value; the interval for the split is that of the claim's split, or of a part
            of it where the evaluation of that stopped early: a mismatch.
        population: Number of items in that split.
        match: How the measurement relates to the claim.
        status: What follows.
        confidence: Probability that the split's value lies within the tolerance of the claim.
    """

    metric: str
    measured: Metric
    population: int
    match: Match
    status: VerdictStatus
    confidence: float


def judged(report: Report, claims: Sequence[Claim]) -> Report:
    """Return a record with claims and what it says about them: nothing if the reference failed."""
    found = report.model_copy(update={"claims": list(claims)})
    return found.model_copy(update={"verdicts": verdicts(found)})


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
        )
        for claim in report.claims
    ]


def match(claim: Claim, run: ModelRun, data: DataSource, protocol: ProtocolInfo) -> Match:
    """Compare what was measured with what the claim was measured with."""
    if claim.metric not in run.metrics or protocol.name.startswith("lm-eval") != (
        claim.protocol.startswith("lm-eval")
    ):
        return Match(
            "mismatch",
            (f"protocol {protocol.name} where the claim is {claim.metric} of {claim.protocol}",),
        )
    if protocol.shots:
        return Match("mismatch", (f"protocol {protocol.label} where the claim is 0-shot",))
    if claim.data_fingerprint not in (None, data.fingerprint):
        return Match("mismatch", (f"{data.name} holds other items than the claim's {claim.data}",))
    if run.stopping is not None and data.n_total < claim.n_items:
        return Match(
            "mismatch",
            (
                f"the evaluation stopped early on {data.name}, which holds {data.n_total:,} of the "
                f"claim's {claim.n_items:,} items, and its interval is for these alone",
            ),
        )
    differences = []
    if protocol.name != claim.protocol:
        differences.append(
            f"protocol {protocol.name} (BOS policy) where the claim is {claim.protocol}"
        )
    if run.type not in UNQUANTIZED:
        differences.append(f"weights quantized to {run.label}")
    if not claim.is_of(data):
        differences.append(f"items of {data.name}, not known to be the claim's {claim.data}")
    if data.n_items < max(data.n_total, claim.n_items):
        how = " from its start, no random sample" if data.order == "file" else ""
        differences.append(f"a slice: {data.n_items:,} of {claim.n_items:,} items{how}")
    return Match("proxy" if differences else "exact", tuple(differences))


def verdict(
    claim: Claim,
    run: ModelRun,
    data: DataSource,
    protocol: ProtocolInfo,
    computed_at: datetime,
    edgeval_version: str,
) -> Verdict:
    """Judge one claim by one run: the same inputs give the same verdict.

    Args:
        claim: The published number.
        run: The measured model.
        data: The items it was measured on.
        protocol: The protocol it was measured with.
        computed_at: Time of the measurement, in UTC.
        edgeval_version: The edgeval that measured.
    """
    found = judge(claim, run, data, protocol)
    inputs = (part.model_dump_json() for part in (claim, data, protocol))
    notes = (claim.notes, f"protocol_match is {found.match.kind}", *found.match.differences)
    return Verdict(
        id=str(uuid.uuid5(_NAMESPACE, " ".join((run.sha256, *inputs)))),
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


def judge(claim: Claim, run: ModelRun, data: DataSource, protocol: ProtocolInfo) -> Judgement:
    """Return what one run says about one claim, with the numbers and differences behind it."""
    found = match(claim, run, data, protocol)
    name = claim.metric if claim.metric in run.metrics else protocol.metric
    counted = run.metrics[name]
    # A file smaller than the claim's split is a slice of it, however much of the file was scored.
    population = max(data.n_total, claim.n_items)
    # The interval of what stopped early is valid because of how it was made: no other is.
    stopped_early = run.stopping is not None
    measured = counted if stopped_early else metric(counted.correct, counted.total, population)
    return Judgement(
        metric=name,
        measured=measured,
        population=population,
        match=found,
        status=status(claim, measured, found.kind),
        confidence=confidence(claim, measured, population),
    )


def status(claim: Claim, measured: Metric, kind: ProtocolMatch) -> VerdictStatus:
    """Return the status that the split's interval and the protocol match decide.

    A proxy agrees with the claim if the interval holds the claim, or lies within its tolerance.
    """
    low, high = 100 * measured.split_interval.low, 100 * measured.split_interval.high
    least, most = _tolerated(claim)
    within = least <= low and high <= most
    apart = high < least or low > most
    if kind == "mismatch":
        return "inconclusive"
    if apart:
        return "not_reproduced"
    if kind == "exact":
        return "reproduced" if within else "inconclusive"
    return "partial" if within or low <= claim.value <= high else "inconclusive"


def confidence(claim: Claim, measured: Metric, population: int) -> float:
    """Return the probability that the split's value lies within the tolerance of the claim.

    The model is that of the Wilson interval with the finite-population correction: a normal
    distribution around its centre. With every item measured it is 0 or 1. When the evaluation
    stopped is not part of the model.
    """
    low, high = (points / 100 for points in _tolerated(claim))
    size = effective_size(measured.total, population)
    centre = wilson_centre(measured.value, size)
    deviation = (centre * (1 - centre) / size) ** 0.5
    if deviation == 0:
        return float(low <= measured.value <= high)
    normal = NormalDist(centre, deviation)
    return normal.cdf(high) - normal.cdf(low)


def _tolerated(claim: Claim) -> tuple[float, float]:
    """Return the least and the most points that are within the tolerance of a claim."""
    margin = claim.tolerance_points + _ROUNDING_POINTS
    return claim.value - margin, claim.value + margin
