"""Small Llama model with matrices of one tensor type: what kernels are tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.engine.kernels.bars import CODEBOOKS
from edgeval.engine.kernels.writing import Bytes, write_gguf
from edgeval.gguf.types import TensorType
from edgeval.llama.blocks import quantize_rows

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

PIECE = 256
"""Columns of the pieces that rows are made of: the most weights that share a scale."""

N_VOCAB = 256
N_TOKENS = 51
"""Tokens of the text: full tiles of every kernel, of 4, 16 and 32 rows, and three rows that are
left over."""

_N_PIECES = 256
_SCALES = 0.4
_LOGIT_SCALE = 3.0
"""The spread of logits in nats, about that of a trained model."""


@dataclass(frozen=True)
class Shape:
    """The dimensions: as small as every kernel takes them.

    Rows and columns are multiples of all tiles, and a row has several blocks, in number odd and
    even.
    """

    width: int = 512
    heads: int = 8
    kv_heads: int = 2
    feed_forward: int = 768
    n_vocab: int = N_VOCAB
    theta: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Columns of a head."""
        return self.width // self.heads

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Return the rows and columns of each matrix but the embedding, by GGUF name."""
        keys = self.kv_heads * self.head_width
        return {
            "blk.0.attn_q.weight": (self.width, self.width),
            "blk.0.attn_k.weight": (keys, self.width),
            "blk.0.attn_v.weight": (keys, self.width),
            "blk.0.attn_output.weight": (self.width, self.width),
            "blk.0.ffn_gate.weight": (self.feed_forward, self.width),
            "blk.0.ffn_up.weight": (self.feed_forward, self.width),
            "blk.0.ffn_down.weight": (self.width, self.feed_forward),
            "output.weight": (self.n_vocab, self.width),
        }


@dataclass(frozen=True)
class SmallModel:
    """A model of random weights.

    Attributes:
        kind: The tensor type of its matrices, a name of ``TensorType``.
        shape: Its dimensions.
        matrices: The blocks of each matrix by GGUF name, shape (rows, bytes of a row), uint8.
        norms: The weights of its norms, shape (width,), float32.
    """

    kind: str
    shape: Shape
    matrices: Mapping[str, Bytes]
    norms: Mapping[str, Float32]

    def expanded(self) -> dict[str, Float64]:
        """Return the values of all tensors, which their blocks mean exactly, float64."""
        kind = gguf.GGMLQuantizationType[self.kind]
        values = {
            name: gguf.quants.dequantize(blocks, kind).astype(np.float64)
            for name, blocks in self.matrices.items()
        }
        return values | {name: norm.astype(np.float64) for name, norm in self.norms.items()}

    def write(self, path: Path) -> None:
        """Write it as a GGUF without a tokenizer."""
        shape = self.shape
        metadata: dict[str, str | int | float] = {
            "general.architecture": "llama",
            "llama.context_length": 512,
            "llama.embedding_length": shape.width,
            "llama.block_count": 1,
            "llama.feed_forward_length": shape.feed_forward,
            "llama.attention.head_count": shape.heads,
            "llama.attention.head_count_kv": shape.kv_heads,
            "llama.attention.layer_norm_rms_epsilon": shape.epsilon,
            "llama.rope.dimension_count": shape.head_width,
            "llama.rope.freq_base": shape.theta,
            "llama.vocab_size": shape.n_vocab,
            "tokenizer.ggml.model": "none",
        }
        matrix, vector = TensorType[self.kind], TensorType["F32"]
        tensors = {name: (blocks, matrix) for name, blocks in self.matrices.items()}
        tensors |= {name: (norm.view(np.uint8), vector) for name, norm in self.norms.items()}
        write_gguf(path, metadata, tensors)


def small_model(kind: str, seed: int = 0) -> SmallModel:
    """Return a model whose matrices are of one tensor type; the same seed gives the same.

    Its rows are made of the same pieces, each beside others: few weights have to be quantized, and
    no two rows of a matrix are equal. The scales of the weights differ, inside a piece too.

    Args:
        kind: A name of ``TensorType`` that ``is_expandable``.
        seed: Seed of the weights.

    Raises:
        EngineError: If llama.cpp cannot make blocks of the type.
    """
    rng = np.random.default_rng(seed)
    shape = Shape()
    size = 1 / np.sqrt(shape.width)
    blocks = _blocks(kind, _N_PIECES, size, rng)
    matrices = {
        name: _assembled(blocks, rows, columns, rng)
        for name, (rows, columns) in shape.matrices().items()
    }
    # Pieces of its own, of the size of what the block adds: a row of the output that had the same
    # would be all that counts.
    embedding = _blocks(kind, _N_PIECES // 2, 1.0, rng)
    matrices["token_embd.weight"] = _assembled(embedding, shape.n_vocab, shape.width, rng)
    scales = {
        "blk.0.attn_norm.weight": 1.0,
        "blk.0.ffn_norm.weight": 1.0,
        "output_norm.weight": _LOGIT_SCALE,
    }
    norms = {
        name: (scale * rng.uniform(0.5, 1.5, shape.width)).astype(np.float32)
        for name, scale in scales.items()
    }
    return SmallModel(kind, shape, matrices, norms)


def text(seed: int = 0) -> npt.NDArray[np.int32]:
    """Return the tokens that a model is tried with, shape (N_TOKENS,), int32."""
    return np.random.default_rng(seed).permutation(N_VOCAB)[:N_TOKENS].astype(np.int32)


def _blocks(kind: str, n_pieces: int, size: float, rng: np.random.Generator) -> Bytes:
    """Return weights of a root mean square in their blocks, shape (n_pieces, bytes), uint8."""
    # Groups of 32 and pieces differ in scale, as those of a trained model do.
    if kind in CODEBOOKS:
        sizes = np.exp(rng.normal(0, _SCALES, n_pieces))
        return _codes(kind, sizes * size / np.sqrt((sizes**2).mean()), rng)
    values = rng.standard_normal((n_pieces, PIECE // 32, 32), dtype=np.float32)
    values *= np.exp(rng.normal(0, _SCALES, (n_pieces, PIECE // 32, 1))).astype(np.float32)
    values *= np.float32(size) / np.sqrt((values**2).mean())
    return quantize_rows(values.reshape(n_pieces, PIECE), kind)


def _codes(kind: str, sizes: Float64, rng: np.random.Generator) -> Bytes:
    """Return blocks of a type of codebooks at random: it takes seconds to look for a near code.

    Args:
        kind: The type; every bit of its blocks but those of their scale may be anything.
        sizes: The root mean square of each block's values, shape (n_blocks,).
        rng: What makes them.
    """
    known = gguf.GGMLQuantizationType[kind]
    _, n_bytes = gguf.GGML_QUANT_SIZES[known]
    blocks = rng.integers(0, 256, (len(sizes), n_bytes), dtype=np.uint8)
    _set_scales(kind, blocks, np.ones(len(sizes), "<f2"))
    values = gguf.quants.dequantize(blocks, known).astype(np.float64)
    _set_scales(kind, blocks, (sizes / np.sqrt((values**2).mean(axis=1))).astype("<f2"))
    return blocks


def _set_scales(kind: str, blocks: Bytes, scales: npt.NDArray[np.float16]) -> None:
    """Write the scale of each block, a float16: in front but for IQ1_M (ggml-common.h)."""
    if kind != "IQ1_M":
        blocks[:, :2] = scales.view(np.uint8).reshape(-1, 2)
        return
    # Its four groups of bits are the highest of four words at the end.
    words = blocks[:, -8:].view("<u2")
    bits = scales.view("<u2").astype(np.uint16)
    for place in range(4):
        group = bits >> (4 * place) & 0xF
        words[:, place] = words[:, place] & 0x0FFF | group << 12


def _assembled(blocks: Bytes, rows: int, columns: int, rng: np.random.Generator) -> Bytes:
    """Return a matrix of pieces, no two rows the same, shape (rows, bytes of a row)."""
    orders = []
    for place in range(columns // PIECE):
        order = rng.permutation(len(blocks))
        # Where the pieces are used again, they are beside others.
        times = range(-(-rows // len(blocks)))
        orders.append(np.concatenate([np.roll(order, time * place) for time in times])[:rows])
    assembled: Bytes = blocks[np.stack(orders, axis=1)].reshape(rows, -1)
    return assembled
