"""Schemas of everything that leaves the process: the saved record is the product.

Probabilities and accuracies are fractions in [0, 1], differences in accuracy points (hundredths).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1

UNQUANTIZED = ("F32", "F16", "BF16")
"""llama.cpp's file types that keep the checkpoint's weights, or nearly."""

ProtocolMatch = Literal["exact", "proxy", "mismatch"]
VerdictStatus = Literal["reproduced", "partial", "not_reproduced", "inconclusive"]


def run_label(file_type: str, has_imatrix: bool) -> str:
    """Return what reports call a run; no two runs of a ladder are called the same."""
    return f"{file_type} +imatrix" if has_imatrix else file_type


class _Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class Interval(_Record):
    """A confidence interval; the field that holds it says of what."""

    low: float
    high: float
    level: float


class Metric(_Record):
    """One accuracy of one model.

    Attributes:
        correct: Number of items whose pick is the gold choice.
        total: Number of items scored.
        value: ``correct / total``.
        interval: For new items of the same kind (Wilson).
        split_interval: For the whole split this slice was drawn from (Wilson with the
            finite-population correction); zero wide when every item was scored.
    """

    correct: int
    total: int
    value: float
    interval: Interval
    split_interval: Interval


class Device(_Record):
    """The machine, without a name of host or user."""

    system: str
    machine: str
    cpu: str
    physical_cores: int
    logical_cores: int
    memory_bytes: int
    python: str


class Engine(_Record):
    """What computed the numbers.

    Attributes:
        version: Version of the binding, which pins llama.cpp's.
        features: llama.cpp's line of backends and CPU features.
        backend: Where the layers were computed.
        threads: CPU threads.
    """

    version: str
    features: str
    backend: str
    threads: int


class ModelSource(_Record):
    """Where the ladder came from.

    Attributes:
        name: Card name, repo id, or the name of the directory or file.
        title: What reports call it.
        repo: Repository on the hub, if it came from there.
        revision: Commit on the hub, if it came from there.
        fingerprint: SHA-256 over the checkpoint's files, or of the GGUF.
    """

    name: str
    title: str
    repo: str | None = None
    revision: str | None = None
    fingerprint: str


class ShotPool(_Record):
    """The solved items that shots were drawn from.

    Attributes:
        name: Name of the data set, or of the file.
        fingerprint: SHA-256 over all records in their order.
        n_items: Number of items in it.
    """

    name: str
    fingerprint: str
    n_items: int


class DataSource(_Record):
    """The data set and the slice of it that was evaluated.

    Attributes:
        name: Name of the data set, or of the file.
        fingerprint: SHA-256 over all records in their order.
        n_total: Number of items in the data set.
        n_items: Number of items evaluated.
        order: How the slice was drawn: ``random`` (seeded, stratified by group) or ``file``.
        seed: Seed of the random order.
        groups: Number of evaluated items of each group.
        shot_pool: Where the shots are from; None without shots.
    """

    name: str
    fingerprint: str
    n_total: int
    n_items: int
    order: Literal["random", "file"]
    seed: int
    groups: dict[str, int]
    shot_pool: ShotPool | None = None


class ProtocolInfo(_Record):
    """How the items were scored.

    Attributes:
        name: The protocol's name.
        version: Its version.
        metric: Its primary metric.
        shots: Number of solved items shown before each item.
    """

    name: str
    version: int
    metric: str
    shots: int = 0

    @property
    def label(self) -> str:
        """What reports call it: ``lm-eval``, or ``lm-eval, 5-shot``."""
        return f"{self.name}, {self.shots}-shot" if self.shots else self.name


class ImatrixInfo(_Record):
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


class ModelRun(_Record):
    """One GGUF's scores, in sum.

    Attributes:
        type: llama.cpp's name of the file type.
        imatrix: The importance matrix it was quantized with; None without one.
        file: File name.
        sha256: Hash of the file.
        file_bytes: Size of the file.
        bits_per_weight: Tensor bits over parameters.
        n_params: Number of parameters.
        metrics: Accuracies by metric name.
        tokens_decoded: Tokens the engine decoded.
        tokens_lower_bound: Tokens in the prefix tree of the whole run.
        logit_rows: Rows of logits it computed.
        batch_tokens: Tokens that a batch was filled up to.
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
        cache_type: Type of the KV cache.
        flash_attention: Whether attention was computed by the fused kernel.
        elapsed_s: Seconds of scoring, without loading.
        load_s: Seconds of loading.
        tokens_per_s: ``tokens_decoded / elapsed_s``.
    """

    type: str
    imatrix: ImatrixInfo | None = None
    file: str
    sha256: str
    file_bytes: int
    bits_per_weight: float
    n_params: int
    metrics: dict[str, Metric]
    tokens_decoded: int
    tokens_lower_bound: int
    logit_rows: int
    batch_tokens: int
    n_batch: int
    n_ubatch: int
    cache_type: str
    flash_attention: bool
    elapsed_s: float
    load_s: float
    tokens_per_s: float

    @property
    def label(self) -> str:
        """What reports call it: ``Q4_K_M``, or ``Q4_K_M +imatrix``."""
        return run_label(self.type, self.imatrix is not None)


class Flip(_Record):
    """One item whose correctness differs from the reference."""

    item: str
    group: str
    gold: int
    reference_pick: int
    pick: int


class Drift(_Record):
    """A paired comparison with the reference on the same items, by the primary metric.

    Attributes:
        type: The compared model's file type.
        has_imatrix: Whether it was quantized with an importance matrix.
        reference: What reports call the reference.
        n_items: Number of pairs.
        difference_points: Accuracy minus the reference's, in points.
        interval_points: Paired interval of the difference, in points (Bonett-Price).
        mcnemar_p: Exact two-sided McNemar p-value.
        right_to_wrong: Number of items only the reference has right.
        wrong_to_right: Number of items only the compared model has right.
        pick_agreement: Fraction of items with the same pick.
        mean_abs_logprob_change: Mean of |Δ logprob| over all choices, in nats.
        p99_abs_logprob_change: Its 99th percentile, in nats.
        flips: The items that flipped.
    """

    type: str
    has_imatrix: bool = False
    reference: str
    n_items: int
    difference_points: float
    interval_points: Interval
    mcnemar_p: float
    right_to_wrong: int
    wrong_to_right: int
    pick_agreement: float
    mean_abs_logprob_change: float
    p99_abs_logprob_change: float
    flips: list[Flip]

    @property
    def label(self) -> str:
        """What reports call the compared model; the label of its run."""
        return run_label(self.type, self.has_imatrix)


class ClaimCitation(_Record):
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


class Verdict(_Record):
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


class Evaluation(_Record):
    """What ``edgeval eval --json`` prints: several GGUFs on the same items, without a ladder."""

    schema_version: Literal[1] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Device
    runs: list[ModelRun]


class Report(_Record):
    """One run: everything needed to judge its numbers. ``report.json`` holds exactly this."""

    schema_version: Literal[1] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    command: str
    model: ModelSource
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Device
    runs: list[ModelRun]
    drift: list[Drift]
    verdicts: list[Verdict]
    elapsed_s: float
    peak_rss_bytes: int
