"""Memory that a model will take, known before its weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.errors import NoRoomError
from edgeval.llama import GgufInfo, SessionSettings
from edgeval.system.free_memory import available

_CELLS_STEP = 256
"""llama.cpp rounds the cells of a cache up to a multiple of this."""

_FLOAT_BYTES = 4
_CACHE_BYTES = {"f16": 2, "f32": 4}


@dataclass(frozen=True)
class Memory:
    """What a model and its sessions take, in bytes.

    Attributes:
        weights: The model's tensors.
        cache: Keys and values of a batch and its trunk, and recurrent states of its sequences.
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
    """Return what sessions of a model will take, for the architectures of Llama and of Mamba.

    The cache is exact, the logits are an upper bound, and the compute buffer is that of the largest
    set of tensors that llama.cpp holds at once. A layer without heads for keys is recurrent where
    others have some; where no layer says it, all are counted as both.
    """
    dimension = gguf.dimension
    layers, width = dimension("block_count"), dimension("embedding_length")
    # Some architectures have no attention, and say so.
    heads = max(1, dimension("attention.head_count", 1))
    kv_heads = dimension("attention.head_count_kv", dimension("attention.head_count", 1))
    keys = dimension("attention.key_length", width // heads)
    values = dimension("attention.value_length", width // heads)
    cells = -(-settings.n_cells // _CELLS_STEP) * _CELLS_STEP
    kv_width = kv_heads * (keys + values)
    # Floats a token: of the output, of a feed-forward layer, of attention. The mask is f16 with
    # flash attention; without it, all heads' scores of all cells are there at once.
    mask = cells // 2 if settings.flash_attention else cells
    scores = 0 if settings.flash_attention else heads * cells
    output = gguf.n_vocab + 2 * width
    feed_forward = mask + 2 * dimension("feed_forward_length") + 4 * width
    attention = mask + scores + 5 * width + kv_width
    largest = max(output, feed_forward, attention, _recurrent_floats(gguf))
    keys_and_values = cells * kv_width * _CACHE_BYTES[settings.cache_type]
    states = settings.n_sequences * _state_floats(gguf) * _FLOAT_BYTES
    n_recurrent = gguf.numbers("attention.head_count_kv").count(0) or layers
    n_attending = layers - n_recurrent or layers
    return Memory(
        weights=gguf.file_bytes,
        cache=n_sessions * (n_attending * keys_and_values + n_recurrent * states),
        logits=n_sessions * settings.n_batch * gguf.n_vocab * _FLOAT_BYTES,
        compute=n_sessions * settings.n_ubatch * largest * _FLOAT_BYTES,
    )


def _state_floats(gguf: GgufInfo) -> int:
    """Return the numbers that a recurrent layer keeps of a sequence.

    Those of the last tokens and of the state itself: ``llama_hparams::n_embd_r`` and ``n_embd_s``.
    """
    dimension = gguf.dimension
    width, head = dimension("embedding_length"), dimension("wkv.head_size")
    if head:
        return width * (dimension("token_shift_count", 2) + head)
    if tokens := dimension("shortconv.l_cache"):
        return width * (tokens - 1)
    inner, state = dimension("ssm.inner_size"), dimension("ssm.state_size")
    columns = inner + 2 * dimension("ssm.group_count") * state
    return max(0, dimension("ssm.conv_kernel") - 1) * columns + state * inner


def _recurrent_floats(gguf: GgufInfo) -> int:
    """Return the numbers a token that a recurrent layer holds at once, or a few more."""
    width, inner = gguf.dimension("embedding_length"), gguf.dimension("ssm.inner_size")
    return 6 * inner + 2 * width if inner else 10 * width if gguf.dimension("wkv.head_size") else 0


def require(memory: Memory, name: str) -> None:
    """Refuse a model that does not fit what is free now.

    Raises:
        NoRoomError: If it does not fit.
    """
    left = available()
    if memory.total > left.n_bytes:
        raise NoRoomError(
            f"{name} takes about {megabytes(memory.total)} (weights {megabytes(memory.weights)}, "
            f"KV cache {megabytes(memory.cache)}, logits {megabytes(memory.logits)}, computing "
            f"{megabytes(memory.compute)}) and {megabytes(left.n_bytes)} {left.words}; "
            f"{left.remedy}, evaluate a smaller type, lower --batch-tokens, or try it with --force"
        )


def megabytes(n_bytes: int) -> str:
    """Return a number of bytes as text."""
    return f"{n_bytes / 1e6:,.0f} MB"
