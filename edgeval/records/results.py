"""What was measured: of one model, and of two beside each other."""

from __future__ import annotations

from datetime import datetime

from edgeval.records.base import Interval, Record
from edgeval.records.divergence import Divergence
from edgeval.records.setting import Device

UNQUANTIZED = ("F32", "F16", "BF16")
"""llama.cpp's file types that keep the checkpoint's weights, or nearly."""


def run_label(file_type: str, has_imatrix: bool) -> str:
    """Return what reports call a run; no two runs of a ladder are called the same."""
    return f"{file_type} +imatrix" if has_imatrix else file_type


class Metric(Record):
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
        device: The machine.
    """

    file: str
    sha256: str
    created_at: datetime
    engine: str
    features: str
    backend: str
    device: Device


class ModelRun(Record):
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
        from_reference: The reference file that the scores are from, with all that they took there;
            None for what was measured in this run.
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
    from_reference: ReferenceInfo | None = None

    @property
    def label(self) -> str:
        """What reports call it: ``Q4_K_M``, or ``Q4_K_M +imatrix``."""
        return run_label(self.type, self.imatrix is not None)


class Flip(Record):
    """One item whose correctness differs from the reference."""

    item: str
    group: str
    gold: int
    reference_pick: int
    pick: int


class Drift(Record):
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
        divergence: How far the next-token distributions are apart; None where they were not
            compared.
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
    divergence: Divergence | None = None

    @property
    def label(self) -> str:
        """What reports call the compared model; the label of its run."""
        return run_label(self.type, self.has_imatrix)
