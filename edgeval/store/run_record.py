"""One run of a store as a file of its own: what it holds, and a hash over that."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from edgeval.errors import StoreError
from edgeval.records import Device, Record, Speed
from edgeval.store.plans import PlanFacts
from edgeval.store.setting import Setting

RECORD_VERSION: Final = 2


class PlanRecord(Record):
    """Items that were, or were to be, scored together.

    Attributes:
        items: Their places in the data set, in the order of the plan.
        facts: What is known of the plan and its model.
        device: The machine that began it.
        tokens_decoded: Tokens it has decoded so far, whoever carried it out.
        logit_rows: Rows of logits it has computed.
        elapsed_s: Seconds it has taken, without loading.
        stints: What each command took for it, as far as that is known; records of schema 1 do not
            say.
    """

    items: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    facts: PlanFacts
    device: Device
    tokens_decoded: int = Field(ge=0)
    logit_rows: int = Field(ge=0)
    elapsed_s: float = Field(ge=0)
    stints: list[Speed] = Field(default_factory=list)

    @model_validator(mode="after")
    def _no_more_than_all(self) -> PlanRecord:
        tokens = sum(each.tokens_decoded for each in self.stints)
        if tokens > self.tokens_decoded:
            raise ValueError(
                f"its stints decoded {tokens:,} tokens, and the plan {self.tokens_decoded:,}"
            )
        return self


class ScoredItem(Record):
    """One item's scores. Arrays have one entry a choice, logs are in nats.

    Attributes:
        place: The item's place in the data set.
        plan: Index of the plan that it was scored in.
        logprobs: Sum of the log-probabilities of the choice's tokens.
        n_tokens: Number of those tokens.
        token_means: Mean log-probability a token, after the tokens all choices share.
        is_greedy: Whether each token of the choice was a most probable one.
    """

    place: int = Field(ge=0)
    plan: int = Field(ge=0)
    logprobs: list[float] = Field(min_length=1)
    n_tokens: list[int]
    token_means: list[float]
    is_greedy: list[bool]

    @model_validator(mode="after")
    def _same_number_of_choices(self) -> ScoredItem:
        for values in (self.n_tokens, self.token_means, self.is_greedy):
            if len(values) != len(self.logprobs):
                raise ValueError(
                    f"item {self.place} has {len(self.logprobs)} choices in one array and "
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
        items: The scores, by the items' places.
        sha256: Hash over everything else: JSON in ASCII, keys in order, no spaces.
    """

    schema_version: Literal[1, 2] = RECORD_VERSION
    edgeval_version: str
    file: str
    data: str
    created_at: datetime
    setting: Setting
    plans: list[PlanRecord]
    items: list[ScoredItem]
    sha256: str

    @model_validator(mode="after")
    def _consistent(self) -> RunRecord:
        planned = [set(plan.items) for plan in self.plans]
        if sum(map(len, planned)) != sum(len(plan.items) for plan in self.plans):
            raise ValueError("a plan has an item twice")
        places: set[int] = set()
        for item in self.items:
            if item.place in places:
                raise ValueError(f"item {item.place} is there twice")
            places.add(item.place)
            if item.plan >= len(planned) or item.place not in planned[item.plan]:
                raise ValueError(f"item {item.place} is in no plan of the record")
        return self


def dump(content: dict[str, Any]) -> str:
    """Return the text of a record.

    Args:
        content: The fields of a ``RunRecord`` but its hash, as plain values.
    """
    return json.dumps(content | {"sha256": _hash(content)}, indent=2) + "\n"


def load(path: Path) -> RunRecord:
    """Read a record.

    Raises:
        StoreError: If there is none, or it is damaged, changed or of a newer edgeval.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {path} ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not JSON ({error}); export the run again") from error
    if not isinstance(content, dict) or "sha256" not in content:
        raise StoreError(f"{path} is no exported run; name a file of edgeval runs export")
    version = content.get("schema_version")
    if isinstance(version, int) and version > RECORD_VERSION:
        raise StoreError(
            f"{path} was written by a newer edgeval (schema {version}, this one reads "
            f"{RECORD_VERSION}); upgrade edgeval with pip install --upgrade edgeval"
        )
    if content["sha256"] != _hash({key: content[key] for key in content if key != "sha256"}):
        raise StoreError(
            f"{path} has changed since it was exported: its content does not have the SHA-256 that "
            "it names; export the run again"
        )
    try:
        return RunRecord.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole record"
        raise StoreError(
            f"{path} cannot be imported: {field}: {first['msg']}; export the run again"
        ) from error


def _hash(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
