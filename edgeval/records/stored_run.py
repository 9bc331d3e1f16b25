"""Stored runs as files of their own: every item, its scores and its plans."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgeval.records import Machine, Record, Speed
from edgeval.records.plan import PlanInfo
from edgeval.records.score_key import ScoreKey
from edgeval.system.untrusted import (
    Moment,
    printable,
    require_moment,
)

RECORD_VERSION: Final = 2


BITS: Final = 53


_MAX_COUNT: Final = 2**48
"""Of tokens or rows; sums of many records still fit into SQLite's integers."""


_MAX_SECONDS: Final = 1e10


_MAX_CHOICES: Final = 1_000


_MAX_COMMANDS: Final = 10_000


def _as_places(value: object) -> object:
    """Refuse the first that is no index of a data set: there may be millions to complain of."""
    for each in value if isinstance(value, list) else ():
        if type(each) is not int or not 0 <= each < 2**31:
            raise ValueError(f"{printable(repr(each), 40)} is no index of a data set")
    return value


Index = Annotated[int, Field(ge=0, lt=2**31)]


Choices = Field(min_length=1, max_length=_MAX_CHOICES)


class PlanRecord(Record):
    """Items that were, or were to be, scored together.

    Attributes:
        items: Their indices in the data set, in the order of the plan.
        facts: What is known of the plan and its model.
        device: The machine that began it.
        tokens_decoded: Tokens it has decoded so far, whoever carried it out.
        logit_rows: Rows of logits it has computed.
        elapsed_s: Seconds it has taken, without loading.
        stints: What each command took for it, as far as that is known; records of schema 1 do not
            say.
    """

    items: Annotated[list[int], BeforeValidator(_as_places)] = Field(min_length=1)
    facts: PlanInfo
    device: Machine
    tokens_decoded: int = Field(ge=0, le=_MAX_COUNT)
    logit_rows: int = Field(ge=0, le=_MAX_COUNT)
    elapsed_s: float = Field(ge=0, le=_MAX_SECONDS)
    stints: list[Speed] = Field(default_factory=list, max_length=_MAX_COMMANDS)

    @model_validator(mode="after")
    def _possible(self) -> PlanRecord:
        facts = self.facts
        counts = (facts.tensor_bytes, facts.lower_bound, facts.n_batch, facts.n_ubatch)
        if min(facts.n_params, facts.tensor_bytes) < 1 or min(counts) < 0:
            raise ValueError("a model has no parameters, or a count is below 0")
        for stint in self.stints:
            if stint.logit_rows > _MAX_COUNT or stint.elapsed_s > _MAX_SECONDS:
                raise ValueError("a stint took more than any command can")
            if stint.measured_at is not None:
                require_moment(stint.measured_at)
        tokens = sum(each.tokens_decoded for each in self.stints)
        if tokens > self.tokens_decoded:
            raise ValueError(
                f"its stints decoded {tokens:,} tokens, and the plan {self.tokens_decoded:,}"
            )
        return self


class ScoredItem(Record):
    """One item's scores. Arrays have one entry a choice, logs are in nats.

    Attributes:
        index: The item's index in the data set, ``place`` in the file.
        plan: Index of the plan that it was scored in.
        logprobs: Sum of the log-probabilities of the choice's tokens.
        n_tokens: Number of those tokens.
        token_means: Mean log-probability a token, after the tokens all choices share.
        is_greedy: Whether each token of the choice was a most probable one.
    """

    index: Index = Field(alias="place")
    plan: int = Field(ge=0)
    logprobs: list[float] = Choices
    n_tokens: list[Annotated[int, Field(ge=1, lt=2**31)]] = Choices
    token_means: list[float] = Choices
    is_greedy: list[bool] = Choices

    @model_validator(mode="after")
    def _same_number_of_choices(self) -> ScoredItem:
        for values in (self.n_tokens, self.token_means, self.is_greedy):
            if len(values) != len(self.logprobs):
                raise ValueError(
                    f"item {self.index} has {len(self.logprobs)} choices in one array and "
                    f"{len(values)} in another"
                )
        return self


class RunRecord(Record):
    """What ``edgeval runs export`` writes: all that a store holds of one run.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What wrote the record.
        file: Name of the model's file.
        data: Name of the data set.
        created_at: When the run was begun, in UTC.
        setting: All that could change a score.
        plans: In which the items were scored.
        items: The scores, by the items' indices.
        sha256: Hash over everything else: JSON in ASCII, keys in order, no spaces.
    """

    schema_version: Literal[1, 2] = RECORD_VERSION
    edgeval_version: str
    file: str
    data: str
    created_at: Moment
    setting: ScoreKey
    plans: list[PlanRecord]
    items: list[ScoredItem]
    sha256: str

    @model_validator(mode="after")
    def _consistent(self) -> RunRecord:
        planned = [set(plan.items) for plan in self.plans]
        if sum(map(len, planned)) != sum(len(plan.items) for plan in self.plans):
            raise ValueError("a plan has an item twice")
        indices: set[int] = set()
        for item in self.items:
            if item.index in indices:
                raise ValueError(f"item {item.index} is there twice")
            indices.add(item.index)
            if item.plan >= len(planned) or item.index not in planned[item.plan]:
                raise ValueError(f"item {item.index} is in no plan of the record")
        return self
