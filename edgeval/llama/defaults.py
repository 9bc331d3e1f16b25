"""Defaults: how models are run unless something else is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CacheType = Literal["f16", "f32"]

SCORING_VERSION = 1
"""Raised when the same setting would give other scores: kept ones are not looked at then."""

BATCH_TOKENS = 1024
"""Tokens a batch with flash attention: hardly a prefix is decoded twice, and the logits of a larger
batch would take more memory than its tokens are worth."""

PLAIN_BATCH_TOKENS = 256
"""Tokens a batch without it: attention is then over all cells of the cache for every token."""

UBATCH_TOKENS = 512
"""Matrix products gain nothing beyond this size on a CPU."""

LONGEST_TEXT = 127
"""Most bytes of a string that llama.cpp's quantizer adds to a file's metadata."""


@dataclass(frozen=True)
class SessionSettings:
    """How a model is run; part of every record.

    Attributes:
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
        n_sequences: Most sequences in one batch.
        threads: CPU threads.
        cache_type: Type of the KV cache.
        flash_attention: Whether attention is computed by the fused kernel, which reads the cache
            as f16.
        n_trunk: Most tokens that stay in the cache from one batch to the next.
    """

    n_batch: int
    n_ubatch: int
    n_sequences: int
    threads: int
    cache_type: CacheType
    flash_attention: bool
    n_trunk: int = 0

    @property
    def n_cells(self) -> int:
        """Tokens that the KV cache holds."""
        return self.n_trunk + self.n_batch


def is_reference(file_type: str) -> bool:
    """Return whether a model is run as the reference implementation computes.

    Without flash attention and with an f32 cache, F32 models agree with it to 1e-4 nats. All other
    models are faster with it and an f16 cache, which change less than their rounded weights do.
    """
    return file_type == "F32"


def batch_tokens_for(file_type: str) -> int:
    """Return how many tokens a batch of a model is filled up to by default."""
    return PLAIN_BATCH_TOKENS if is_reference(file_type) else BATCH_TOKENS


def attention_of(file_type: str) -> tuple[CacheType, bool]:
    """Return the type of the KV cache and whether flash attention is used for a type of model."""
    return ("f32", False) if is_reference(file_type) else ("f16", True)
