"""What was measured: of one model, and of two beside each other."""

from __future__ import annotations

from typing import Literal

from edgeval.records.base import Interval, Record

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


class Flip(Record):
    """One item whose correctness differs from the reference."""

    item: str
    group: str
    gold: int
    reference_pick: int
    pick: int


class Equivalence(Record):
    """What the interval of a difference in accuracy says against a margin.

    Attributes:
        population: What the interval speaks about: ``new items`` of the same kind, or the whole
            ``split`` that the slice was drawn from.
        interval_points: Paired interval of the difference, in points; zero wide for the split when
            every item was scored.
        margin_points: Two accuracies this close are called equivalent.
        status: ``equivalent`` (the interval lies within the margin on both sides of zero),
            ``drifted`` (it does not, and excludes zero) or ``undecided``.
        non_inferior: Whether the interval reaches no further below zero than the margin.
        items_needed: About how many more items would decide it, if they flip as these did; None
            where it is decided.
    """

    population: Literal["split", "new items"]
    interval_points: Interval
    margin_points: float
    status: Literal["equivalent", "drifted", "undecided"]
    non_inferior: bool
    items_needed: int | None


class Drift(Record):
    """A paired comparison with the reference on the same items, by the primary metric.

    Attributes:
        type: The compared model's file type.
        has_imatrix: Whether it was quantized with an importance matrix.
        reference: What reports call the reference.
        n_items: Number of pairs.
        difference_points: Accuracy minus the reference's, in points.
        new_items: What its interval for new items says (Bonett-Price).
        split: What its interval for the split says.
        mcnemar_p: Exact two-sided McNemar p-value.
        mcnemar_p_holm: The same, adjusted for the number of compared models (Holm).
        right_to_wrong: Number of items only the reference has right.
        wrong_to_right: Number of items only the compared model has right.
        pick_agreement: Fraction of items with the same pick.
        mean_logprob_change: Mean of Δ logprob over all choices, in nats; negative where the
            compared model finds them less likely.
        mean_abs_logprob_change: Mean of |Δ logprob|, in nats.
        rms_logprob_change: Root of the mean square of Δ logprob, in nats.
        p99_abs_logprob_change: 99th percentile of |Δ logprob|, in nats.
        mean_margin_shift: Mean change of the gold choice's lead over the best other choice, in the
            unit of the metric: nats for ``acc``, nats a character for ``acc_norm``, a byte for
            ``acc_bytes``, a token for ``acc_token``.
        flips: The items that flipped.
    """

    type: str
    has_imatrix: bool = False
    reference: str
    n_items: int
    difference_points: float
    new_items: Equivalence
    split: Equivalence
    mcnemar_p: float
    mcnemar_p_holm: float
    right_to_wrong: int
    wrong_to_right: int
    pick_agreement: float
    mean_logprob_change: float
    mean_abs_logprob_change: float
    rms_logprob_change: float
    p99_abs_logprob_change: float
    mean_margin_shift: float
    flips: list[Flip]

    @property
    def label(self) -> str:
        """What reports call the compared model; the label of its run."""
        return run_label(self.type, self.has_imatrix)
