"""Claims and verdicts: what a measurement says about a published number."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, model_validator

from edgeval.records.base import MOST_ITEMS, Record

if TYPE_CHECKING:
    # Who reads cards waits for no record of a machine.
    from edgeval.records.context import DataSource

ProtocolMatch = Literal["exact", "proxy", "mismatch"]
VerdictStatus = Literal["reproduced", "partial", "not_reproduced", "inconclusive"]

MOST_DECIMALS: Final = 6
MOST_SHOTS: Final = 1000

NOT_STATED: Final = "not stated"
"""The metric or the protocol of a claim whose source names none."""


class Citation(Record):
    """Where a claim stands.

    Attributes:
        paper_arxiv_id: The paper, if it is one of arXiv.
        section: The table, or what else is cited.
        row: The row of a table; empty for none.
        column: The column of a table; empty for none.
        quoted_text: What stands there.
        pdf_page: The page of the paper.
    """

    paper_arxiv_id: str | None = None
    section: str
    row: str
    column: str
    quoted_text: str | None = None
    pdf_page: int | None = None


class Average(Record):
    """The published average of several numbers.

    Attributes:
        value: The average, in points.
        decimals: How many decimals of it were printed.
    """

    value: float = Field(ge=0, le=100)
    decimals: int = Field(default=2, ge=0, le=MOST_DECIMALS)


class Claim(Record):
    """One published number.

    Attributes:
        task: The benchmark, for example ``hellaswag``.
        value: The number, in points.
        decimals: How many decimals of it were printed.
        correct: Number of right items that the value is, where it is a share of the items and only
            one count rounds to it.
        row_average: The published average of its row: of all numbers of the model that have it.
        tolerance_points: How far a measurement may be from it and still reproduce it.
        metric: The metric it is of, or ``NOT_STATED``.
        protocol: The protocol it was measured with, what else is known of how, or ``NOT_STATED``.
        shots: Number of solved items shown before each item.
        data: The data set it was measured on.
        data_fingerprint: Fingerprint of that data set, if known.
        n_items: Number of items in that data set.
        notes: Anything a reader should know.
        citation: Where it stands.
    """

    task: str
    value: float = Field(ge=0, le=100)
    decimals: int = Field(default=2, ge=0, le=MOST_DECIMALS)
    correct: int | None = Field(default=None, ge=0, le=MOST_ITEMS)
    row_average: Average | None = None
    tolerance_points: float = Field(default=1.0, gt=0)
    metric: str
    protocol: str
    shots: int = Field(default=0, ge=0, le=MOST_SHOTS)
    data: str
    data_fingerprint: str | None = None
    n_items: int = Field(gt=0, le=MOST_ITEMS)
    notes: str = ""
    citation: Citation

    @model_validator(mode="after")
    def _counted(self) -> Claim:
        if self.correct is not None and self.correct not in self.counts:
            share = 100 * self.correct / self.n_items
            raise ValueError(
                f"correct is {self.correct:,} of {self.n_items:,} items, which is "
                f"{share:.{self.places}f} and not {self.printed}"
            )
        return self

    @property
    def places(self) -> int:
        """Decimals that were printed; more than ``decimals`` if the value has more."""
        places = self.decimals
        while places < MOST_DECIMALS and not math.isclose(round(self.value, places), self.value):
            places += 1
        return places

    @property
    def printed(self) -> str:
        """The value as it was printed."""
        return f"{self.value:.{self.places}f}"

    @property
    def with_metric(self) -> str:
        """The value as it was printed, behind its metric if that is stated."""
        return self.printed if self.metric == NOT_STATED else f"{self.metric} {self.printed}"

    @property
    def counts(self) -> range:
        """The numbers of right items that round to the value, up or down where it is halfway.

        It is empty where the value is no share of the items.
        """
        unit = 10**self.places
        halves, parts = 2 * round(self.value * unit), 200 * unit
        least = -((1 - halves) * self.n_items // parts)
        most = (halves + 1) * self.n_items // parts
        return range(max(0, least), min(most, self.n_items) + 1)

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
        status: ``reproduced`` (an exact match, whose value lies within the tolerance of the claim),
            ``partial`` (the match is a proxy, whose interval for the whole split lies within the
            tolerance), ``not_reproduced`` (an exact match, whose value lies outside it: a proxy
            never refutes) or ``inconclusive``.
        score: The measured primary metric in [0, 1].
        confidence: Probability that the stated status is right, that is, that the split's value
            lies within the tolerance: the exact posterior after a random sample of the split, where
            each number of right items was as likely as another before. None where sampling is not
            what is in doubt, or the status states nothing: where the whole split was scored, where
            items were no random sample or their number was not fixed, and of ``inconclusive``.
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
    confidence: float | None
    agent_version: str
    computed_at: datetime
    is_current: bool = True
    claim_citation: ClaimCitation
    protocol_match: ProtocolMatch
