"""Distributions of logits, and evaluations that keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.kl_items import KeepTopLogprobs, ReferenceTopLogprobs
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.stats import top_logprobs
from edgeval.store.store import Store

BATCH_TOKENS = 64


def log_softmax(logits: Any) -> Any:
    exact = logits.astype(np.float64)
    return exact - np.logaddexp.reduce(exact, axis=1, keepdims=True)


def exact_kl(reference: Any, other: Any) -> Any:
    p, q = log_softmax(reference), log_softmax(other)
    return (np.exp(p) * (p - q)).sum(axis=1)


def sketched(logits: Any, ids: Any) -> Any:
    return np.take_along_axis(log_softmax(logits), ids.astype(np.int64), axis=1).astype(np.float32)


def setup_of(items: Path, **options: Any) -> EvalSetup:
    return prepare(Options(data=items, batch_tokens=BATCH_TOKENS, threads=2, **options))


def evaluated(
    gguf: Path, setup: EvalSetup, n: int, store: Store | None = None, **how: Any
) -> FileResult:
    places = setup.indices[:n]
    return evaluate_file(gguf, setup, store, wanted=KeepTopLogprobs(places), **how)


def same(first: ReferenceTopLogprobs | None, second: ReferenceTopLogprobs | None) -> bool:
    assert first is not None
    assert second is not None
    return (first.reference, list(first.of_index)) == (
        second.reference,
        list(second.of_index),
    ) and all(
        top_logprobs.pack(one) == top_logprobs.pack(other)
        for one, other in zip(first.of_index.values(), second.of_index.values(), strict=True)
    )
