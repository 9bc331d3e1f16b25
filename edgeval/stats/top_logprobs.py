"""Next-token distributions in short: the most likely tokens, and a few drawn from all the others.

The most likely tokens and one bucket for the others give a lower bound: the KL divergence of two
distributions that are coarsened in the same way is at most that of the distributions themselves
(Kullback and Leibler 1951, Annals of Mathematical Statistics 22:79, theorem 4.1). What is missing
is the divergence within the bucket, weighted by its mass (chain rule: Cover and Thomas 2006,
Elements of Information Theory, theorem 2.5.3), and the tokens drawn from it estimate that. Pure
NumPy, no model.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeval.stats.positions import RangeSums

UInt32 = npt.NDArray[np.uint32]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

VERSION = 2
"""Raised when the same logits would give another sketch, or be packed otherwise."""

N_TOKENS = 32
"""Most likely tokens that a sketch keeps of each position, where the vocabulary has as many."""

N_DRAWN = 4
"""Tokens that it keeps of the others, where there are any."""

_WITHOUT_DRAWN = 1
"""The version that had none."""

_REMAINDER_ERROR = 2.0**-22
"""How well the mass that float32 log-probabilities leave of 1 is known."""

_RESOLVED = 1e-6
"""Of a remainder that is smaller, rounding leaves nothing to divide by."""

_MOST = 30.0
"""Logarithm of a ratio that no draw has; what others have written may."""

_SHAPE, _SHAPE_WITHOUT_DRAWN = struct.Struct("<III"), struct.Struct("<II")
_SLACK_BYTES, _MOST_FOLD = 1 << 16, 64
"""Log-probabilities are hardly packed at all, and ids to a quarter at the best."""
_MAX_TOKENS = 1024
_ROUNDING = 1e-3
"""How far above 0 a log-probability may be rounded."""


@dataclass(frozen=True, eq=False)
class TopLogprobs:
    """What a reference says at the scored positions of an item, choice after choice.

    Attributes:
        ids: The most likely tokens, that with the lowest id first where two are equally likely, and
            last those drawn from all others; shape (n_positions, n_tokens), uint32.
        logprobs: Their log-probabilities in nats, of the same shape, float32; descending before
            those drawn.
        n_drawn: How many of the tokens were drawn from the others, each as likely as the reference
            finds it, independently and with replacement; 0 in sketches of an older edgeval.
    """

    ids: UInt32
    logprobs: Float32
    n_drawn: int = 0

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.ids)

    @property
    def n_listed(self) -> int:
        """Number of the most likely tokens."""
        return int(self.ids.shape[1]) - self.n_drawn

    def part(self, positions: slice) -> TopLogprobs:
        """Return the sketch of some of the positions."""
        return TopLogprobs(self.ids[positions], self.logprobs[positions], self.n_drawn)


@dataclass(frozen=True)
class ItemDivergence:
    """How far a model is from the reference on one item, as sums over its scored positions.

    Attributes:
        n_positions: Number of positions.
        kl_sum: Sum of the coarsened KL divergences, in nats.
        n_same_top: Number of positions at which both have the same most likely token.
        remainder_sum: Sum of the masses that the reference leaves to the tokens it does not list.
        rest_sum: Unbiased estimate of what the whole KL divergences have beyond ``kl_sum``, in
            nats; None where the sketch has no tokens for it.
        rest_variance: Unbiased estimate of its variance over the draws of those tokens, in square
            nats; None where ``rest_sum`` is.
        by_range: The same sums by ranges of positions, from the first on.
    """

    n_positions: int
    kl_sum: float
    n_same_top: int
    remainder_sum: float
    rest_sum: float | None = None
    rest_variance: float | None = None
    by_range: tuple[RangeSums, ...] = ()


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


def draw(logits: Float32, listed: UInt32, n_drawn: int) -> UInt32:
    """Return tokens drawn from those that are not listed, each with its probability among them.

    The draws are independent and with replacement. They are seeded by the listed tokens, so that
    the same logits give the same draws in any batch.

    Args:
        logits: Shape (n_rows, n_vocab), float32.
        listed: Tokens of each row that are not drawn, fewer than ``n_vocab``; shape
            (n_rows, n_listed), uint32.
        n_drawn: How many to draw.

    Returns:
        Shape (n_rows, n_drawn), uint32.
    """
    others = logits.copy()
    np.put_along_axis(others, listed, -np.inf, axis=1)
    others -= others.max(axis=1, keepdims=True)
    sums = np.exp(others, out=others).cumsum(axis=1, dtype=np.float64)
    found = np.empty((len(logits), n_drawn), np.uint32)
    for row, (seed, cumulative) in enumerate(zip(listed, sums, strict=True)):
        at = np.random.default_rng(seed).random(n_drawn) * cumulative[-1]
        # A product may round up to the sum, behind which there is nothing.
        last = np.searchsorted(cumulative, cumulative[-1])
        found[row] = np.minimum(np.searchsorted(cumulative, at, side="right"), last)
    return found


def kl(reference: Float32, logprobs: Float32) -> Float64:
    """Return the KL divergence of the coarsened distributions, a lower bound of the true one.

    Both are taken to their sum, which rounding leaves a little beside 1: so no value is below 0 by
    more than float64 rounds. None is infinite, since finite log-probabilities are never of
    probability 0, and neither is a remainder: it is rounded up by as much as it is uncertain.

    Args:
        reference: Log-probabilities of the listed tokens under the reference, in nats, finite;
            shape (n_positions, n_listed), float32.
        logprobs: Those of the same tokens under the other model.

    Returns:
        KL(reference || other) at each position in nats, shape (n_positions,), float64.
    """
    ours, theirs = _buckets(reference), _buckets(logprobs)
    return np.asarray((np.exp(ours) * (ours - theirs)).sum(axis=1))


def remainder(logprobs: Float32) -> Float64:
    """Return the mass that listed tokens leave, shape (n_positions,), float64."""
    return np.exp(_buckets(logprobs)[:, -1])


def rest(reference: Float32, logprobs: Float32, n_drawn: int) -> Float64:
    """Return what tokens drawn from the remainder say the divergence has beyond the bound.

    Within the remainder the reference has the distribution P and the other model Q. With the ratio
    w = Q(x) / P(x) of a token x drawn from P, log(1 / w) has the mean KL(P || Q), and so has
    w - 1 - log(w), for w has the mean 1; that one is never negative, and varies as little as the
    divergence is small (Schulman 2020, Approximating KL Divergence,
    http://joschu.net/blog/kl-approx.html).

    Args:
        reference: Log-probabilities of a sketch's tokens under the reference, in nats, finite;
            shape (n_positions, n_tokens), float32.
        logprobs: Those of the same tokens under the other model.
        n_drawn: How many of them, the last ones, were drawn.

    Returns:
        By each draw, in nats; each is unbiased by itself. Shape (n_positions, n_drawn), float64.
    """
    n_listed = reference.shape[1] - n_drawn
    ours, theirs = (_buckets(each[:, :n_listed])[:, -1:] for each in (reference, logprobs))
    drawn, other = (each[:, n_listed:].astype(np.float64) for each in (reference, logprobs))
    is_resolved = np.exp(ours) > _RESOLVED
    log_ratios = np.where(is_resolved, other - theirs - drawn + ours, 0.0).clip(max=_MOST)
    return np.asarray(np.exp(ours) * (np.expm1(log_ratios) - log_ratios))


def _buckets(logprobs: Float32) -> Float64:
    """Return the logarithms of the masses of tokens and, last, of the remainder."""
    tokens = logprobs.astype(np.float64)
    listed = np.logaddexp.reduce(tokens, axis=1, keepdims=True)
    remainder = np.log(-np.expm1(np.minimum(listed, 0.0)) + _REMAINDER_ERROR)
    return np.concatenate([tokens, remainder], axis=1) - np.logaddexp(listed, remainder)


def join(parts: Sequence[TopLogprobs]) -> TopLogprobs:
    """Return the sketch of an item from those of its choices."""
    return TopLogprobs(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.logprobs for part in parts]),
        parts[0].n_drawn,
    )


def pack(sketch: TopLogprobs) -> bytes:
    """Return a sketch as bytes: the version, then zlib's of the shape, the ids and the logs.

    All are little-endian, and of the numbers all first bytes come first, then all second ones:
    neighbours are alike then.
    """
    arrays = (sketch.ids.astype("<u4"), sketch.logprobs.astype("<f4"))
    planes = (array.view(np.uint8).reshape(-1, 4).T.tobytes() for array in arrays)
    shape = _SHAPE.pack(*sketch.ids.shape, sketch.n_drawn)
    return bytes([VERSION]) + zlib.compress(shape + b"".join(planes))


def is_current(packed: bytes) -> bool:
    """Return whether a sketch was packed by this version."""
    return packed[:1] == bytes([VERSION])


def is_readable(packed: bytes) -> bool:
    """Return whether a sketch can be read: also that of an edgeval that drew no tokens."""
    return packed[:1] in (bytes([VERSION]), bytes([_WITHOUT_DRAWN]))


def unpack(packed: bytes) -> TopLogprobs:
    """Return a sketch from its bytes.

    Raises:
        ValueError: If it was packed by another version, or is no sketch.
        struct.error: If it is shorter than its shape.
        zlib.error: If it is damaged.
    """
    if not is_readable(packed):
        raise ValueError(f"a sketch of version {VERSION} begins with that, not {packed[:1]!r}")
    shape, n_drawn, content = _inflated(packed[1:], has_drawn=is_current(packed))
    planes = np.frombuffer(content, np.uint8).reshape(2, 4, -1)
    numbers = np.ascontiguousarray(planes.transpose(0, 2, 1))
    logprobs = numbers[1].view("<f4").reshape(shape).astype(np.float32)
    if not (np.isfinite(logprobs).all() and (logprobs < _ROUNDING).all()):
        raise ValueError("it has a log-probability that is none")
    return TopLogprobs(numbers[0].view("<u4").reshape(shape).astype(np.uint32), logprobs, n_drawn)


def _inflated(packed: bytes, *, has_drawn: bool) -> tuple[tuple[int, int], int, bytes]:
    """Return the shape, the drawn tokens, and as many bytes as they say: others may pack, too."""
    stream = zlib.decompressobj()
    layout = _SHAPE if has_drawn else _SHAPE_WITHOUT_DRAWN
    n_positions, n_tokens, *more = layout.unpack(stream.decompress(packed, layout.size))
    n_drawn = more[0] if more else 0
    n_bytes = 8 * n_positions * n_tokens
    if not (n_positions and 0 < n_tokens <= _MAX_TOKENS):
        raise ValueError(f"it has {n_positions:,} positions of {n_tokens:,} tokens")
    if n_drawn >= n_tokens:
        raise ValueError(f"of its {n_tokens:,} tokens {n_drawn:,} are said to be drawn")
    if n_bytes > _SLACK_BYTES + _MOST_FOLD * len(packed):
        raise ValueError(f"its {len(packed):,} bytes are said to be {n_bytes:,}")
    content = stream.decompress(stream.unconsumed_tail, n_bytes + 1)
    if len(content) != n_bytes or not stream.eof:
        raise ValueError("it is longer or shorter than it says")
    return (n_positions, n_tokens), n_drawn, content
