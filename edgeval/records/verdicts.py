"""What a measurement says about a published number."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from edgeval.records.base import Record

ProtocolMatch = Literal["exact", "proxy", "mismatch"]
VerdictStatus = Literal["reproduced", "partial", "not_reproduced", "inconclusive"]


class ClaimCitation(Record):
    """Where a published number stands. The field names are those of published verdicts."""

    paper_arxiv_id: str | None
    section: str
    row: str
    column: str
    reported_value: float
    reported_metric: str
    quoted_text: str | None
    pdf_page: int | None
    notes: str


class Verdict(Record):
    """What the measurement says about one claim.

    Attributes:
        id: Identifier made from the record and the claim, the same for the same inputs.
        kind: ``POST``: the claim was checked after its publication.
        status: ``reproduced`` (exact match, the split's interval lies within the tolerance),
            ``partial`` (agrees so far, but the match is a proxy), ``not_reproduced`` (the interval
            excludes claim ± tolerance) or ``inconclusive``.
        score: The measured primary metric in [0, 1].
        confidence: Probability, under the split interval's model, that the split's value lies
            within the tolerance.
        protocol_match: ``exact``, ``proxy`` or ``mismatch``; the citation's notes say why.
        agent_version: What computed the verdict.
        computed_at: When, in UTC.
        is_current: Whether it is the latest verdict of its record.
        claim_citation: The claim.
    """

    id: str
    kind: Literal["POST"] = "POST"
    status: VerdictStatus
    score: float
    confidence: float
    agent_version: str
    computed_at: datetime
    is_current: bool = True
    claim_citation: ClaimCitation
    protocol_match: ProtocolMatch
