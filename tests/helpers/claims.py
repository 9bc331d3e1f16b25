"""A claim, and measurements that are judged by it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from edgeval import __version__
from edgeval.records import Citation, Claim, DataSource, ModelRun, ProtocolInfo
from edgeval.stats.metrics import metric
from edgeval.stats.verdict import verdict

SPLIT = "Rowan/hellaswag validation"
N_SPLIT = 10042
WHEN = datetime(2026, 5, 14, 12, 0, tzinfo=timezone.utc)

CLAIM = Claim(
    task="hellaswag",
    value=59.20,
    metric="acc_norm",
    protocol="lm-eval",
    data=SPLIT,
    n_items=N_SPLIT,
    notes="also in EVAL.md",
    citation=Citation(
        paper_arxiv_id="2401.02385",
        section="Table 2",
        row="TinyLlama 1.1B (3T)",
        column="HellaSwag 0-shot",
        quoted_text="TinyLlama 59.20",
        pdf_page=4,
    ),
)


def make_run(
    correct: int = 5945,
    total: int = N_SPLIT,
    population: int = N_SPLIT,
    *,
    type_: str = "F16",
    sha256: str = "f" * 64,
    metric_name: str = "acc_norm",
) -> ModelRun:
    return ModelRun(
        type=type_,
        file=f"model-{type_}.gguf",
        sha256=sha256,
        file_bytes=1,
        bits_per_weight=16.0,
        n_params=1,
        metrics={metric_name: metric(correct, total, population)},
        tokens_decoded=1,
        tokens_lower_bound=1,
        logit_rows=1,
        batch_tokens=256,
        n_batch=512,
        n_ubatch=512,
        cache_type="f16",
        flash_attention=True,
    )


def make_data(n_items: int = N_SPLIT, n_total: int = N_SPLIT, **changes: Any) -> DataSource:
    fields: dict[str, Any] = {
        "task": "hellaswag",
        "task_version": 1,
        "name": SPLIT,
        "fingerprint": "a" * 64,
        "n_total": n_total,
        "n_items": n_items,
        "order": "random",
        "seed": 0,
        "groups": {"activitynet": n_items},
    }
    return DataSource(**(fields | changes))


def make_protocol(name: str = "lm-eval", version: int = 1, shots: int = 0) -> ProtocolInfo:
    return ProtocolInfo(name=name, version=version, metric="acc_norm", shots=shots)


def judgement(
    run: ModelRun | None = None,
    data: DataSource | None = None,
    protocol: ProtocolInfo | None = None,
    claim: Claim = CLAIM,
) -> Any:
    measured = (run or make_run(), data or make_data(), protocol or make_protocol())
    return verdict(claim, *measured, WHEN, __version__)
