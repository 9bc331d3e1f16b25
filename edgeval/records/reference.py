"""Reference header: what a reference file says before its scores."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from edgeval.records import Machine, ModelFacts, OffloadInfo, Record, Speed
from edgeval.records.plan import PlanInfo
from edgeval.records.score_key import ScoreKey
from edgeval.system.untrusted import Moment, require_moment

REFERENCE_VERSION: Final = 2
MAX_COMMANDS: Final = 10_000


class ReferenceHeader(Record):
    """What a reference file says before its scores.

    Attributes:
        schema_version: Version of the format.
        edgeval_version: What wrote the file.
        created_at: When it was written, in UTC.
        measured_at: When the run was begun, in UTC.
        setting: All that could change a score.
        data: Name of the data set.
        n_total: Items in the data set.
        n_items: Items that the file has scores of.
        kl_items: Items that it has sketches of.
        file: Name of the model's file.
        type: llama.cpp's name for how the model is quantized.
        n_params: Number of its parameters.
        tensor_bytes: Bytes of its tensors.
        model: What else is known of it.
        tokens_decoded: Tokens that scoring has decoded, in all commands and on all machines.
        tokens_lower_bound: Tokens in the prefix trees of its plans.
        logit_rows: Rows of logits it has computed.
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
        speeds: What scoring took, one a command; empty in files of schema 1, which hold one sum of
            seconds for all machines and threads: that is no speed, and is not read.
        device: The machine that scored most of the items.
        sha256: Hash over everything else in the file.
    """

    schema_version: Literal[1, 2] = REFERENCE_VERSION
    edgeval_version: str
    created_at: Moment
    measured_at: Moment
    setting: ScoreKey
    data: str
    n_total: int = Field(ge=1, lt=2**31)
    n_items: int = Field(ge=1)
    kl_items: int = Field(ge=0)
    file: str
    type: str
    n_params: int = Field(ge=1)
    tensor_bytes: int = Field(ge=1)
    model: ModelFacts
    tokens_decoded: int = Field(ge=0)
    tokens_lower_bound: int = Field(ge=0)
    logit_rows: int = Field(ge=0)
    n_batch: int = Field(ge=0)
    n_ubatch: int = Field(ge=0)
    speeds: list[Speed] = Field(default_factory=list, max_length=MAX_COMMANDS)
    device: Machine
    sha256: str = ""

    @model_validator(mode="after")
    def _in_this_age(self) -> ReferenceHeader:
        for each in self.speeds:
            if each.measured_at is not None:
                require_moment(each.measured_at)
        return self

    @property
    def offload(self) -> OffloadInfo | None:
        """What was computed on GPUs; None for nothing."""
        return self.setting.offload(self.model.shape.n_layers)

    @property
    def plan_info(self) -> PlanInfo:
        """What is known of the plans that its scores are of, as one."""
        return PlanInfo(
            file_type=self.type,
            n_params=self.n_params,
            tensor_bytes=self.tensor_bytes,
            lower_bound=self.tokens_lower_bound,
            n_batch=self.n_batch,
            n_ubatch=self.n_ubatch,
            n_total=self.n_total,
            model=self.model,
        )
