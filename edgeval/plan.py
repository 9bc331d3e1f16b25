"""Requests become batches: which tokens to decode, for which sequences, reading which logits.

Pure NumPy, no model. The tokens that all choices of an item share are decoded once, the last token
of a choice never, and logits are asked for only where a token's successor is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]

MAX_SEQUENCES = 256
"""Most sequences in one llama.cpp batch (LLAMA_MAX_SEQ)."""


@dataclass(frozen=True)
class Request:
    """One choice of one item as token ids.

    Attributes:
        tokens: The context's tokens and the choice's, shape (n,), int32.
        start: Index of the first scored token, at least 1.
    """

    tokens: Int32
    start: int


@dataclass(frozen=True)
class Batch:
    """One llama.cpp batch and what to read from it; the unit of work.

    Attributes:
        items: Indices of the items whose choices are scored here.
        tokens: Token ids to decode, shape (n_tokens,), int32.
        positions: Position of each token in its sequences, shape (n_tokens,), int32.
        sequence_counts: Number of sequences each token belongs to, shape (n_tokens,), int32.
        sequence_ids: The sequence ids of all tokens, concatenated, int32.
        reads_logits: 1 where the logits after a token are read, shape (n_tokens,), int8.
        rows: For each scored token, which of the batch's logit rows predicts it, int32.
        targets: For each scored token, its id, int32; ordered by item, choice, position.
        counts: Number of scored tokens of each choice, in the order of ``targets``, int32.
    """

    items: range
    tokens: Int32
    positions: Int32
    sequence_counts: Int32
    sequence_ids: Int32
    reads_logits: npt.NDArray[np.int8]
    rows: Int32
    targets: Int32
    counts: Int32

    @property
    def n_rows(self) -> int:
        """Number of logit rows the engine computes for this batch."""
        return int(self.reads_logits.sum())


def common_prefix_length(requests: Sequence[Request]) -> int:
    """Return how many leading tokens all choices share, leaving each choice one token of its own.

    The last token is excluded because it is only ever scored, never decoded.
    """
    shortest = min(len(request.tokens) for request in requests) - 1
    first = requests[0].tokens[:shortest]
    for request in requests[1:]:
        differs = np.flatnonzero(first != request.tokens[: len(first)])
        if differs.size:
            first = first[: differs[0]]
    return len(first)


def decoded_tokens(requests: Sequence[Request]) -> int:
    """Return how many tokens one item costs: the shared prefix once, each rest but its last."""
    prefix = common_prefix_length(requests)
    return prefix + sum(len(request.tokens) - 1 - prefix for request in requests)


def plan(items: Sequence[Sequence[Request]], batch_tokens: int) -> Iterator[Batch]:
    """Cut the items' requests into batches, in order.

    Args:
        items: For each item, the requests of its choices (at most ``MAX_SEQUENCES``).
        batch_tokens: Most tokens in one batch; an item that costs more has a batch of its own.

    Yields:
        Batches that together score every request exactly once. The same arguments give the same
        batches.

    Raises:
        ValueError: If an item has too many choices.
    """
    first = tokens = sequences = 0
    for index, requests in enumerate(items):
        cost = decoded_tokens(requests)
        if len(requests) > MAX_SEQUENCES:
            raise ValueError(f"item {index}: {len(requests)} choices, more than {MAX_SEQUENCES}")
        is_full = tokens + cost > batch_tokens or sequences + len(requests) > MAX_SEQUENCES
        if is_full and index > first:
            yield _build(items, range(first, index))
            first, tokens, sequences = index, 0, 0
        tokens += cost
        sequences += len(requests)
    if tokens:
        yield _build(items, range(first, len(items)))


def _build(items: Sequence[Sequence[Request]], selected: range) -> Batch:
    builder = _Builder()
    for index in selected:
        builder.add(items[index])
    return builder.finish(selected)


class _Builder:
    """Collects the arrays of one batch, item by item."""

    def __init__(self) -> None:
        self.tokens: list[Int32] = []
        self.positions: list[Int32] = []
        self.sequence_counts: list[Int32] = []
        self.sequence_ids: list[Int32] = []
        self.reads_logits: list[npt.NDArray[np.int8]] = []
        self.sources: list[Int32] = []
        self.targets: list[Int32] = []
        self.counts: list[int] = []
        self.n_tokens = 0
        self.n_sequences = 0

    def add(self, requests: Sequence[Request]) -> None:
        """Append one item: its shared prefix, then the rest of each choice."""
        prefix = common_prefix_length(requests)
        prefix_at = self.n_tokens
        prefix_reads_from = min(request.start for request in requests) - 1
        sequences = np.arange(len(requests), dtype=np.int32) + self.n_sequences
        self._decode(requests[0].tokens[:prefix], 0, prefix_reads_from, sequences)
        for sequence, request in zip(sequences, requests, strict=True):
            tail_at = self.n_tokens
            self._decode(
                request.tokens[prefix:-1], prefix, request.start - 1, np.atleast_1d(sequence)
            )
            # The logits that predict token i come from position i - 1: in the prefix or the tail.
            before = np.arange(request.start, len(request.tokens), dtype=np.int32) - 1
            in_prefix = before < prefix
            self.sources.append(np.where(in_prefix, prefix_at, tail_at - prefix) + before)
            self.targets.append(request.tokens[request.start :])
            self.counts.append(len(before))
        self.n_sequences += len(requests)

    def _decode(self, tokens: Int32, position: int, reads_from: int, sequences: Int32) -> None:
        n = len(tokens)
        positions = np.arange(position, position + n, dtype=np.int32)
        self.tokens.append(tokens)
        self.positions.append(positions)
        self.sequence_counts.append(np.full(n, len(sequences), dtype=np.int32))
        self.sequence_ids.append(np.tile(sequences, n))
        self.reads_logits.append((positions >= reads_from).astype(np.int8))
        self.n_tokens += n

    def finish(self, items: range) -> Batch:
        """Return the batch; sources become rows, numbered in the order logits are asked for."""
        reads_logits = np.concatenate(self.reads_logits)
        row_of_token = np.cumsum(reads_logits, dtype=np.int32) - 1
        return Batch(
            items=items,
            tokens=np.concatenate(self.tokens),
            positions=np.concatenate(self.positions),
            sequence_counts=np.concatenate(self.sequence_counts),
            sequence_ids=np.concatenate(self.sequence_ids),
            reads_logits=reads_logits,
            rows=row_of_token[np.concatenate(self.sources)],
            targets=np.concatenate(self.targets),
            counts=np.array(self.counts, dtype=np.int32),
        )
