"""What a measurement says about a published number."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

from edgeval import __version__
from edgeval.cards import Claim
from edgeval.metrics import effective_size, metric, wilson_centre
from edgeval.records import (
    UNQUANTIZED,
    ClaimCitation,
    DataSource,
    Metric,
    ModelRun,
    ProtocolInfo,
    ProtocolMatch,
    Verdict,
    VerdictStatus,
)

TOLERANCE_POINTS = 1.0
_ROUNDING_POINTS = 1e-9
"""Keeps a difference of exactly the tolerance inside it, whatever its binary fraction."""

_NAMESPACE = uuid.UUID("6f9f2a53-6b0c-5d0e-9c55-2f8f2f6a1c11")


@dataclass(frozen=True)
class Match:
    """How a measurement's protocol relates to a claim's, and every difference in words."""

    kind: ProtocolMatch
    differences: tuple[str, ...]


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
) -> Verdict:
    """Judge one claim by one run: the same inputs give the same verdict.

    Args:
        claim: The published number.
        run: The measured model.
        data: The items it was measured on.
        protocol: The protocol it was measured with.
        computed_at: Time of the measurement, in UTC.
    """
    found = match(claim, run, data, protocol)
    counted = run.metrics.get(claim.metric) or run.metrics[protocol.metric]
    # A file smaller than the claim's split is a slice of it, however much of the file was scored.
    population = max(data.n_total, claim.n_items)
    measured = metric(counted.correct, counted.total, population)
    inputs = (part.model_dump_json() for part in (claim, data, protocol))
    notes = (claim.notes, f"protocol_match is {found.kind}", *found.differences)
    return Verdict(
        id=str(uuid.uuid5(_NAMESPACE, " ".join((run.sha256, *inputs)))),
        status=status(claim.value, measured, found.kind),
        score=measured.value,
        confidence=confidence(claim.value, measured, population),
        agent_version=f"edgeval-{__version__}",
        computed_at=computed_at,
        claim_citation=ClaimCitation(
            **claim.citation.model_dump(),
            reported_value=claim.value,
            reported_metric=claim.metric,
            notes="; ".join(filter(None, notes)),
        ),
        protocol_match=found.kind,
    )


def status(claim_points: float, measured: Metric, kind: ProtocolMatch) -> VerdictStatus:
    """Return the status that the split's interval and the protocol match decide.

    A proxy agrees with the claim if the interval holds the claim, or lies within its tolerance.
    """
    low, high = 100 * measured.split_interval.low, 100 * measured.split_interval.high
    margin = TOLERANCE_POINTS + _ROUNDING_POINTS
    within = claim_points - margin <= low and high <= claim_points + margin
    apart = high < claim_points - margin or low > claim_points + margin
    if kind == "mismatch":
        return "inconclusive"
    if apart:
        return "not_reproduced"
    if kind == "exact":
        return "reproduced" if within else "inconclusive"
    return "partial" if within or low <= claim_points <= high else "inconclusive"


def confidence(claim_points: float, measured: Metric, population: int) -> float:
    """Return the probability that the split's value lies within the tolerance of the claim.

    The model is that of the Wilson interval with the finite-population correction: a normal
    distribution around its centre. With every item measured it is 0 or 1.
    """
    margin = TOLERANCE_POINTS + _ROUNDING_POINTS
    low, high = (claim_points - margin) / 100, (claim_points + margin) / 100
    size = effective_size(measured.total, population)
    centre = wilson_centre(measured.value, size)
    deviation = (centre * (1 - centre) / size) ** 0.5
    if deviation == 0:
        return float(low <= measured.value <= high)
    normal = NormalDist(centre, deviation)
    return normal.cdf(high) - normal.cdf(low)
