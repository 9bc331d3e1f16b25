"""One run of a store as a file of its own: what it holds, and a hash over that."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from edgeval.errors import StoreError
from edgeval.foreign import (
    Moment,
    UnreadableError,
    printable,
    problem,
    read_json,
    require_moment,
)
from edgeval.records import Device, Record, Speed
from edgeval.store.plans import PlanFacts
from edgeval.store.setting import Setting

_Kind = TypeVar("_Kind", bound=Record)

RECORD_VERSION: Final = 2

_MAX_BYTES: Final = 200_000_000
"""All of HellaSwag has ten million."""
_BITS: Final = 53
_MAX_COUNT: Final = 2**48
"""Of tokens or rows; sums of many records still fit into SQLite's integers."""
_MAX_SECONDS: Final = 1e10
_MAX_CHOICES: Final = 1_000
_MAX_COMMANDS: Final = 10_000


def _as_places(value: object) -> object:
    """Refuse the first that is no place in a data set: there may be millions to complain of."""
    for each in value if isinstance(value, list) else ():
        if type(each) is not int or not 0 <= each < 2**31:
            raise ValueError(f"{printable(repr(each), 40)} is no place in a data set")
    return value


Place = Annotated[int, Field(ge=0, lt=2**31)]
Choices = Field(min_length=1, max_length=_MAX_CHOICES)


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

    items: Annotated[list[int], BeforeValidator(_as_places)] = Field(min_length=1)
    facts: PlanFacts
    device: Device
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
        place: The item's place in the data set.
        plan: Index of the plan that it was scored in.
        logprobs: Sum of the log-probabilities of the choice's tokens.
        n_tokens: Number of those tokens.
        token_means: Mean log-probability a token, after the tokens all choices share.
        is_greedy: Whether each token of the choice was a most probable one.
    """

    place: Place
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
    created_at: Moment
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
        content = read_json(path, _MAX_BYTES, unique=True, bits=_BITS)
    except OSError as error:
        raise StoreError(f"cannot read {path} ({error.strerror}); check the path") from error
    except UnreadableError as error:
        raise _unusable(path, str(error)) from error
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
    for name, kind in (("plans", PlanRecord), ("items", ScoredItem)):
        # One by one: of a million that are wrong, pydantic would keep as many complaints.
        for number, part in enumerate(content[name] if isinstance(content.get(name), list) else ()):
            _validated(kind, path, part, f"{name}.{number}")
    return _validated(RunRecord, path, content)


def _validated(kind: type[_Kind], path: Path, content: object, where: str = "") -> _Kind:
    try:
        return kind.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        reason = problem(error, where or "the whole record")
        is_of_field = where and not reason.startswith(where)
        raise _unusable(path, f"{where}.{reason}" if is_of_field else reason) from error


def _unusable(path: Path, reason: str) -> StoreError:
    return StoreError(f"{path} cannot be imported: {reason}; export the run again")


def _hash(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
