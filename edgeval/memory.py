"""How much memory a model will take, known before its weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from edgeval.errors import NoRoomError
from edgeval.llama import GgufInfo, SessionSettings

_CELLS_STEP = 256
"""llama.cpp rounds the cells of a cache up to a multiple of this."""

_FLOAT_BYTES = 4
_CACHE_BYTES = {"f16": 2, "f32": 4}


@dataclass(frozen=True)
class Memory:
    """What a model and its sessions take, in bytes.

    Attributes:
        weights: The model's tensors.
        cache: Keys and values of a batch.
        logits: The rows read from a batch, at most one a token.
        compute: Intermediate results, at most those of one ubatch.
    """

    weights: int
    cache: int
    logits: int
    compute: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.logits + self.compute


def estimate(gguf: GgufInfo, settings: SessionSettings, n_sessions: int = 1) -> Memory:
    """Return what sessions of a model will take, for the architecture of Llama.

    The cache is exact, the logits are an upper bound, and the compute buffer is that of the largest
    set of tensors that llama.cpp holds at once.
    """
    dimension = gguf.dimension
    layers, width = dimension("block_count"), dimension("embedding_length")
    # Some architectures have no attention.
    heads = max(1, dimension("attention.head_count", 1))
    kv_heads = dimension("attention.head_count_kv", heads)
    keys = dimension("attention.key_length", width // heads)
    values = dimension("attention.value_length", width // heads)
    cells = -(-settings.n_batch // _CELLS_STEP) * _CELLS_STEP
    kv_width = kv_heads * (keys + values)
    # Floats a token: of the output, of a feed-forward layer, of attention. The mask is f16 with
    # flash attention; without it, all heads' scores of all cells are there at once.
    mask = cells // 2 if settings.flash_attention else cells
    scores = 0 if settings.flash_attention else heads * cells
    output = gguf.n_vocab + 2 * width
    feed_forward = mask + 2 * dimension("feed_forward_length") + 4 * width
    attention = mask + scores + 5 * width + kv_width
    largest = max(output, feed_forward, attention)
    return Memory(
        weights=gguf.file_bytes,
        cache=n_sessions * cells * layers * kv_width * _CACHE_BYTES[settings.cache_type],
        logits=n_sessions * settings.n_batch * gguf.n_vocab * _FLOAT_BYTES,
        compute=n_sessions * settings.n_ubatch * largest * _FLOAT_BYTES,
    )


def require(memory: Memory, name: str) -> None:
    """Refuse a model that does not fit what is free now.

    Raises:
        NoRoomError: If it does not fit.
    """
    available = psutil.virtual_memory().available
    if memory.total > available:
        raise NoRoomError(
            f"{name} takes about {megabytes(memory.total)} (weights {megabytes(memory.weights)}, "
            f"KV cache {megabytes(memory.cache)}, logits {megabytes(memory.logits)}, computing "
            f"{megabytes(memory.compute)}) and {megabytes(available)} of memory are free; close "
            "other programs, evaluate a smaller type, lower --batch, or try it with --force"
        )


def megabytes(n_bytes: int) -> str:
    """Return a number of bytes as text."""
    return f"{n_bytes / 1e6:,.0f} MB"
