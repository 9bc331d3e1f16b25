"""Model runs: what was measured of one GGUF in sum, from its key, its plans and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgeval.records import Metric, ModelFacts, ModelRun
from edgeval.records.plan import PlanInfo
from edgeval.records.score_key import ScoreKey
from edgeval.tasks.requests import Work

if TYPE_CHECKING:
    from edgeval.engine import Begun


def model_run(
    key: ScoreKey,
    info: PlanInfo,
    model: ModelFacts,
    work: Work,
    metrics: Mapping[str, Metric],
    **more: Any,
) -> ModelRun:
    """Return what was measured of one GGUF, whether it was scored here or elsewhere.

    Args:
        key: All that could change a score.
        info: What is known of its plans.
        model: What else is known of the GGUF.
        work: What scoring took.
        metrics: The accuracies by their names.
        more: Fields of ``ModelRun`` that only one of the two has, and the file's name and size.
    """
    return ModelRun(
        type=info.file_type,
        imatrix=model.imatrix,
        sha256=key.gguf_sha256,
        bits_per_weight=8 * info.tensor_bytes / info.n_params,
        n_params=info.n_params,
        vocabulary_size=model.shape.vocabulary_size,
        mix=model.mix,
        pre_tokenizer=model.pre_tokenizer,
        metrics=dict(metrics),
        tokens_decoded=work.tokens_decoded,
        tokens_lower_bound=info.lower_bound,
        logit_rows=work.logit_rows,
        batch_tokens=key.batch_tokens,
        n_batch=info.n_batch,
        n_ubatch=info.n_ubatch,
        cache_type=key.cache_type,
        flash_attention=key.flash_attention,
        kernels=key.kernels,
        offload=key.offload(model.shape.n_layers),
        **more,
    )


def plan_info(begun: Begun, n_total: int, model: ModelFacts) -> PlanInfo:
    """Return what is known of a plan once the engine has begun with it.

    Args:
        begun: What the engine says of it.
        n_total: Number of items of the data set.
        model: What else is known of the GGUF.
    """
    return PlanInfo(
        file_type=begun.file_type,
        n_params=begun.n_params,
        tensor_bytes=begun.tensor_bytes,
        lower_bound=begun.lower_bound,
        n_batch=begun.n_batch,
        n_ubatch=begun.n_ubatch,
        n_total=n_total,
        model=model,
    )
