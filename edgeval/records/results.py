"""Results: what was measured of one model, and of two beside each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from edgeval.records.base import MOST_ITEMS, Interval, Record
from edgeval.records.contents import PreTokenizer, TensorMix
from edgeval.records.context import Machine
from edgeval.records.speeds import Speed

UNQUANTIZED = ("F32", "F16", "BF16")
"""llama.cpp's file types that keep the checkpoint's weights, or nearly."""


_MOST_LOOKS = 1000

MOST_NAME_CHARS = 100
"""Of what tells a file from others of its type."""


def run_label(file_type: str, has_imatrix: bool, name: str | None = None) -> str:
    """Return what reports call a run; no two runs of a ladder are called the same.

    Args:
        file_type: llama.cpp's name of the file type.
        has_imatrix: Whether it was quantized with an importance matrix.
        name: What tells it from other files of its type, if any are in the ladder.
    """
    label = f"{file_type} +imatrix" if has_imatrix else file_type
    return label if name is None else f"{label} ({name})"


class Metric(Record):
    """One accuracy of one model.

    Where the evaluation stopped early, the split's interval is valid at every look (a confidence
    sequence); otherwise it is exact, and that for new items is Wilson's.

    Attributes:
        correct: Number of items whose pick is the gold choice.
        total: Number of items scored.
        value: ``correct / total``; of items that were drawn for what they can tell, the reference's
            accuracy and the estimated difference.
        interval: For new items of the same kind; None where the evaluation stopped early, and of
            the first items of a file, which are no sample of any.
        split_interval: For the whole split this slice was drawn from, as counts of right items over
            its items; zero wide when every item was scored, and certain, whatever the others are,
            of the first items of a file.
    """

    correct: int = Field(ge=0)
    total: int = Field(ge=1)
    value: float
    interval: Interval | None
    split_interval: Interval

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Metric:
        if self.correct > self.total:
            raise ValueError(f"{self.correct:,} items are right, of {self.total:,}")
        return self


class Estimate(Record):
    """An accuracy that is estimated, not counted.

    Attributes:
        value: The estimate, in [0, 1].
        interval: Its interval.
    """

    value: float
    interval: Interval


class Look(Record):
    """What was known at one step of an evaluation that stopped early.

    Attributes:
        n_items: Number of items so far.
        value_points: The estimate of what was to be found out: an accuracy, or a difference.
        low_points: Lower end of its interval, which is valid at every look.
        high_points: Its upper end.
    """

    n_items: int = Field(ge=1, le=MOST_ITEMS)
    value_points: float = Field(ge=-100, le=100)
    low_points: float
    high_points: float


class Stopping(Record):
    """When and why an evaluation stopped.

    Attributes:
        points: The margin in points that was asked for.
        is_decided: Whether it stopped because what was asked is decided, not for want of items.
        design: How its items were drawn: in ``random order``, or ``weighted`` by what the
            reference's margins say they can tell.
        n_items: Number of items evaluated.
        n_compared: Number of types whose intervals hold together; 1 where each holds by itself.
        looks: What was known on the way, for some numbers of items and the last; left out in
            records of an older edgeval.
    """

    points: float
    is_decided: bool
    design: Literal["random order", "weighted"]
    n_items: int
    n_compared: int = Field(default=1, ge=1)
    looks: list[Look] = Field(default_factory=list, max_length=_MOST_LOOKS)

    @model_serializer(mode="wrap")
    def _as_older_ones(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no looks where there are none."""
        content: dict[str, Any] = handler(self)
        if not self.looks:
            content.pop("looks", None)
        return content


class ImatrixInfo(Record):
    """The importance matrix that a GGUF was quantized with, as far as the GGUF says.

    Attributes:
        file: Its file name.
        sha256: Hash of the file; None in GGUFs of other tools.
        dataset: Name of the text it was computed on.
        n_chunks: Number of chunks of that text.
    """

    file: str
    sha256: str | None = None
    dataset: str | None = None
    n_chunks: int | None = None


class ReferenceInfo(Record):
    """The reference file that a run was taken from, and what measured it.

    Attributes:
        file: Name of the file.
        sha256: Hash of the file.
        created_at: When it was written, in UTC.
        engine: Version of llama.cpp.
        features: What llama.cpp was built with, and the CPU's features.
        backend: Where the layers were computed.
        devices: The GPUs that some were computed on; none on the CPU alone.
        device: The machine that scored most of the items.
        speeds: What scoring took there, one a command; empty in files of an older edgeval.
    """

    file: str
    sha256: str
    created_at: datetime
    engine: str
    features: str
    backend: str
    devices: list[str] = Field(default_factory=list)
    device: Machine
    speeds: list[Speed] = Field(default_factory=list)


class OffloadInfo(Record):
    """The part of a model that was computed on GPUs.

    Attributes:
        devices: What their drivers call them.
        layers: Number of layers there; the output counts as one.
        n_layers: Number of all layers.
    """

    devices: list[str]
    layers: int
    n_layers: int


class SelfCheck(Record):
    """How close a GPU's scores came to the CPU's, on a few items.

    Attributes:
        n_items: Number of items.
        n_same_picks: Those of which both pick the same choice, by the primary metric.
        max_logprob_change: Largest |Δ logprob| of a choice, in nats.
        mean_logprob_change: Mean |Δ logprob| of a choice, in nats.
        token_change: Mean over the choices of |Δ logprob| a token, in nats.
        own_change: The same between it and the unquantized reference, both on the CPU: what
            quantization does to these items; None of unquantized models, and where there was no
            reference.
        bar: What ``token_change`` may be: a share of ``own_change`` that the type's bits decide,
            or what is allowed to all of its type where that is not known.
        shift_points: The drift in accuracy, in points, that the mean change of the right choices'
            leads makes; None where it is not known.
        shift_bar_points: What that may be, up or down: a tenth of a point, and what so few items
            leave open.
        speedup: How many times as many tokens a second as on the CPU with ``threads`` threads.
        threads: Those threads; None where an older edgeval measured it and did not keep them.
    """

    n_items: int
    n_same_picks: int
    max_logprob_change: float
    mean_logprob_change: float
    token_change: float
    own_change: float | None = None
    bar: float
    shift_points: float | None = None
    shift_bar_points: float | None = None
    speedup: float
    threads: int | None = None

    @property
    def has_passed(self) -> bool:
        """Whether the GPU's scores are the CPU's, as far as its arithmetic allows."""
        return self.token_change <= self.bar and not self.is_shifted

    @property
    def is_shifted(self) -> bool:
        """Whether accuracies are shifted by more than may be."""
        if self.shift_points is None or self.shift_bar_points is None:
            return False
        return abs(self.shift_points) > self.shift_bar_points


class ModelRun(Record):
    """One GGUF's scores, in sum.

    Attributes:
        type: llama.cpp's name of the file type.
        name: What tells it from other files of its type; None where nothing has to.
        imatrix: The importance matrix it was quantized with; None without one.
        quantized_by: Who quantized it, as the file says; None where it does not.
        file: File name.
        sha256: Hash of the file.
        file_bytes: Size of the file.
        bits_per_weight: Tensor bits over parameters.
        n_params: Number of parameters.
        vocabulary_size: Number of token ids; None in records of an older edgeval.
        mix: Of what tensors it is; None where that is not known.
        pre_tokenizer: What is to be known of its pre-tokenizer; None where it is as the file says.
        wants_bos: Whether its tokenizer puts a BOS token before a text by its own default; None
            where that is not known.
        metrics: Accuracies by metric name.
        nats_per_token: Mean of -log p of a token of the right choices, in nats; None in records of
            an older edgeval.
        stopping: When and why it stopped early; None where all items were to be evaluated.
        tokens_decoded: Tokens that were decoded for it, in this command or before.
        tokens_lower_bound: Tokens in the prefix tree of the whole run.
        logit_rows: Rows of logits that were computed for it, in this command or before.
        batch_tokens: Tokens that a batch was filled up to.
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
        cache_type: Type of the KV cache.
        flash_attention: Whether attention was computed by the fused kernel.
        n_from_store: Number of its items whose scores the store had before this command began.
        speed: How fast it was, measured in this command; None where nothing was decoded in it.
        stored: What it took to compute what the store had of it then: one a command, on whatever
            machine.
        kernels: Which of llama.cpp's kernels for the CPU computed it: its ``default``, which
            rearranges weights for this CPU or uses its matrix units where it can, or the ``plain``
            ones that read the file's own layout.
        kernels_reason: Why it is not the default, as a clause; None where it is.
        offload: What was computed on GPUs; None for nothing.
        self_check: How close these came to the CPU; None on the CPU, or where it was not checked.
        from_reference: The reference file that the scores are from, with all that they took there;
            None for what was measured in this run.
    """

    type: str
    name: str | None = Field(default=None, max_length=MOST_NAME_CHARS)
    imatrix: ImatrixInfo | None = None
    quantized_by: str | None = Field(default=None, max_length=200)
    file: str
    sha256: str
    file_bytes: int
    bits_per_weight: float = Field(gt=0)
    n_params: int
    vocabulary_size: int | None = Field(default=None, ge=0)
    mix: TensorMix | None = None
    pre_tokenizer: PreTokenizer | None = None
    wants_bos: bool | None = None
    metrics: dict[str, Metric]
    nats_per_token: float | None = Field(default=None, ge=0)
    stopping: Stopping | None = None
    tokens_decoded: int
    tokens_lower_bound: int
    logit_rows: int
    batch_tokens: int
    n_batch: int
    n_ubatch: int
    cache_type: str
    flash_attention: bool
    n_from_store: int = Field(default=0, ge=0)
    speed: Speed | None = None
    stored: list[Speed] = Field(default_factory=list)
    kernels: Literal["default", "plain"] = "default"
    kernels_reason: str | None = Field(default=None, max_length=1000)
    offload: OffloadInfo | None = None
    self_check: SelfCheck | None = None
    from_reference: ReferenceInfo | None = None

    @property
    def label(self) -> str:
        """What reports call it: ``Q4_K_M``, or ``Q4_K_M +imatrix``."""
        return run_label(self.type, self.imatrix is not None, self.name)
