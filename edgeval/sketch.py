"""Next-token distributions in short: the most likely tokens, and one bucket for all the others.

The KL divergence of two distributions that are coarsened in the same way is at most that of the
distributions themselves: Kullback and Leibler 1951, Annals of Mathematical Statistics 22:79,
theorem 4.1; for Cover and Thomas, Elements of Information Theory, it follows from the log sum
inequality (theorem 2.7.1). So what is said here of a quantized model is a lower bound. Pure NumPy,
no model.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UInt32 = npt.NDArray[np.uint32]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

VERSION = 1
"""Raised when the same logits would give another sketch, or be packed otherwise."""

N_TOKENS = 32
"""Tokens that a sketch keeps of each position, where the vocabulary has as many."""

_REMAINDER_ERROR = 2.0**-22
"""How well the mass that float32 log-probabilities leave of 1 is known."""

_SHAPE = struct.Struct("<II")
_SLACK_BYTES, _MOST_FOLD = 1 << 16, 64
"""Log-probabilities are hardly packed at all, and ids to a quarter at the best."""
_MAX_TOKENS = 1024
_ROUNDING = 1e-3
"""How far above 0 a log-probability may be rounded."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """What a reference says at the scored positions of an item, choice after choice.

    Attributes:
        ids: The most likely tokens, that with the lowest id first where two are equally likely;
            shape (n_positions, n_tokens), uint32.
        logprobs: Their log-probabilities in nats, descending, of the same shape, float32.
    """

    ids: UInt32
    logprobs: Float32

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.ids)

    def part(self, positions: slice) -> Sketch:
        """Return the sketch of some of the positions."""
        return Sketch(self.ids[positions], self.logprobs[positions])


@dataclass(frozen=True)
class ItemDivergence:
    """How far a model is from the reference on one item, as sums over its scored positions.

    Attributes:
        n_positions: Number of positions.
        kl_sum: Sum of the coarsened KL divergences, in nats.
        n_same_top: Number of positions at which both have the same most likely token.
    """

    n_positions: int
    kl_sum: float
    n_same_top: int


def top(logits: Float32, n_tokens: int) -> UInt32:
    """Return the ids of the largest logits of each row, descending.

    Of equal ones those with the lowest ids are taken, the lowest first.

    Args:
        logits: Shape (n_rows, n_vocab), float32.
        n_tokens: How many to take, at most ``n_vocab``.

    Returns:
        Shape (n_rows, n_tokens), uint32.
    """
    first = logits.shape[1] - n_tokens
    ids = np.argpartition(logits, first, axis=1)[:, first:]
    least = np.take_along_axis(logits, ids, axis=1).min(axis=1)
    is_tied = np.count_nonzero(logits >= least[:, np.newaxis], axis=1) > n_tokens
    for row in np.flatnonzero(is_tied):
        # Which of the tied ones the partition has taken is chance.
        enough = np.flatnonzero(logits[row] >= least[row])
        ids[row] = enough[np.argsort(-logits[row, enough], kind="stable")[:n_tokens]]
    ids.sort(axis=1)
    order = np.argsort(-np.take_along_axis(logits, ids, axis=1), axis=1, kind="stable")
    return np.take_along_axis(ids, order, axis=1).astype(np.uint32)


def kl(reference: Float32, logprobs: Float32) -> Float64:
    """Return the KL divergence of the coarsened distributions, a lower bound of the true one.

    Both are taken to their sum, which rounding leaves a little beside 1: so no value is below 0 by
    more than float64 rounds. None is infinite, since finite log-probabilities are never of
    probability 0, and neither is a remainder: it is rounded up by as much as it is uncertain.

    Args:
        reference: Log-probabilities of some tokens under the reference, in nats, finite; shape
            (n_positions, n_tokens), float32.
        logprobs: Those of the same tokens under the other model.

    Returns:
        KL(reference || other) at each position in nats, shape (n_positions,), float64.
    """
    ours, theirs = _buckets(reference), _buckets(logprobs)
    return np.asarray((np.exp(ours) * (ours - theirs)).sum(axis=1))


def _buckets(logprobs: Float32) -> Float64:
    """Return the logarithms of the masses of tokens and, last, of the remainder."""
    tokens = logprobs.astype(np.float64)
    listed = np.logaddexp.reduce(tokens, axis=1, keepdims=True)
    remainder = np.log(-np.expm1(np.minimum(listed, 0.0)) + _REMAINDER_ERROR)
    return np.concatenate([tokens, remainder], axis=1) - np.logaddexp(listed, remainder)


def join(parts: Sequence[Sketch]) -> Sketch:
    """Return the sketch of an item from those of its choices."""
    return Sketch(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.logprobs for part in parts]),
    )


def pack(sketch: Sketch) -> bytes:
    """Return a sketch as bytes: the version, then zlib's of the shape, the ids and the logs.

    All are little-endian, and of the numbers all first bytes come first, then all second ones:
    neighbours are alike then.
    """
    arrays = (sketch.ids.astype("<u4"), sketch.logprobs.astype("<f4"))
    planes = (array.view(np.uint8).reshape(-1, 4).T.tobytes() for array in arrays)
    return bytes([VERSION]) + zlib.compress(_SHAPE.pack(*sketch.ids.shape) + b"".join(planes))


def is_current(packed: bytes) -> bool:
    """Return whether a sketch was packed by this version."""
    return packed[:1] == bytes([VERSION])


def unpack(packed: bytes) -> Sketch:
    """Return a sketch from its bytes.

    Raises:
        ValueError: If it was packed by another version, or is no sketch.
        struct.error: If it is shorter than its shape.
        zlib.error: If it is damaged.
    """
    if not is_current(packed):
        raise ValueError(f"a sketch of version {VERSION} begins with that, not {packed[:1]!r}")
    shape, content = _inflated(packed[1:])
    planes = np.frombuffer(content, np.uint8).reshape(2, 4, -1)
    numbers = np.ascontiguousarray(planes.transpose(0, 2, 1))
    logprobs = numbers[1].view("<f4").reshape(shape).astype(np.float32)
    if not (np.isfinite(logprobs).all() and (logprobs < _ROUNDING).all()):
        raise ValueError("it has a log-probability that is none")
    return Sketch(numbers[0].view("<u4").reshape(shape).astype(np.uint32), logprobs)


def _inflated(packed: bytes) -> tuple[tuple[int, int], bytes]:
    """Return the shape, and the bytes that are as many as it says: others may have packed them."""
    stream = zlib.decompressobj()
    n_positions, n_tokens = _SHAPE.unpack(stream.decompress(packed, _SHAPE.size))
    n_bytes = 8 * n_positions * n_tokens
    if not (n_positions and 0 < n_tokens <= _MAX_TOKENS):
        raise ValueError(f"it has {n_positions:,} positions of {n_tokens:,} tokens")
    if n_bytes > _SLACK_BYTES + _MOST_FOLD * len(packed):
        raise ValueError(f"its {len(packed):,} bytes are said to be {n_bytes:,}")
    content = stream.decompress(stream.unconsumed_tail, n_bytes + 1)
    if len(content) != n_bytes or not stream.eof:
        raise ValueError("it is longer or shorter than it says")
    return (n_positions, n_tokens), content
