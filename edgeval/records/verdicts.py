"""What a measurement says about a published number."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from edgeval.records.base import Record
from edgeval.records.setting import DataSource

ProtocolMatch = Literal["exact", "proxy", "mismatch"]
VerdictStatus = Literal["reproduced", "partial", "not_reproduced", "inconclusive"]


class Citation(Record):
    """Where a claim stands."""

    paper_arxiv_id: str | None = None
    section: str
    row: str
    column: str
    quoted_text: str | None = None
    pdf_page: int | None = None


class Claim(Record):
    """One published number.

    Attributes:
        task: The benchmark, for example ``hellaswag``.
        value: The number, in points.
        tolerance_points: How far a measurement may be from it and still reproduce it.
        metric: The metric it is of.
        protocol: The protocol it was measured with; shots are 0.
        data: The data set it was measured on.
        data_fingerprint: Fingerprint of that data set, if known.
        n_items: Number of items in that data set.
        notes: Anything a reader should know.
        citation: Where it stands.
    """

    task: str
    value: float = Field(ge=0, le=100)
    tolerance_points: float = Field(default=1.0, gt=0)
    metric: str
    protocol: str
    data: str
    data_fingerprint: str | None = None
    n_items: int = Field(gt=0)
    notes: str = ""
    citation: Citation

    def is_of(self, data: DataSource) -> bool:
        """Return whether the evaluated items are known to come from the claim's data set."""
        if self.data_fingerprint is not None:
            return data.fingerprint == self.data_fingerprint
        return data.name == self.data


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
        agent_version: The edgeval that made the record.
        computed_at: When the record was made, in UTC; a verdict follows from the record alone.
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
