"""Requests: the texts that a model scores, batches of them, and the work that these take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]


Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Request:
    """A text to score, as token ids: a choice after its context, or a window of a long text.

    Attributes:
        tokens: Token ids, shape (n,), int32.
        start: Index of the first scored token, at least 1 and less than n.
    """

    tokens: Int32
    start: int


@dataclass(frozen=True)
class Batch:
    """One llama.cpp batch and what to read from it; the unit of work.

    Attributes:
        requests: Indices of the requests scored here, shape (n_requests,), int64.
        tokens: Token ids to decode, shape (n_tokens,), int32.
        positions: Position of each token in its sequences, shape (n_tokens,), int32.
        sequence_counts: Number of sequences each token belongs to, shape (n_tokens,), int32.
        sequence_ids: The sequence ids of all tokens, concatenated, int32.
        reads_logits: 1 where the logits after a token are read, shape (n_tokens,), int8.
        rows: For each scored token, which of the batch's logit rows predicts it, int32.
        targets: For each scored token, its id, int32; ordered by request, then position.
        counts: Number of scored tokens of each request, in the order of ``requests``, int32.
        trunk: Token ids that all sequences begin with, shape (n,), int32; decoded before, and
            once for all batches in a row that have the same.
    """

    requests: Int64
    tokens: Int32
    positions: Int32
    sequence_counts: Int32
    sequence_ids: Int32
    reads_logits: npt.NDArray[np.int8]
    rows: Int32
    targets: Int32
    counts: Int32
    trunk: Int32 = field(default_factory=lambda: np.empty(0, dtype=np.int32))

    @property
    def n_rows(self) -> int:
        """Number of logit rows the engine computes for this batch."""
        return int(self.reads_logits.sum())


@dataclass
class Work:
    """What carrying out a plan took; grows while it is carried out."""

    tokens_decoded: int = 0
    logit_rows: int = 0
    elapsed_s: float = 0.0

    def add(self, other: Work) -> None:
        """Count what was done elsewhere too."""
        self.tokens_decoded += other.tokens_decoded
        self.logit_rows += other.logit_rows
        self.elapsed_s += other.elapsed_s

    def take(self) -> Work:
        """Return what was counted, and count from zero again."""
        taken = replace(self)
        self.tokens_decoded, self.logit_rows, self.elapsed_s = 0, 0, 0.0
        return taken


def common_prefix_length(requests: Sequence[Request]) -> int:
    """Return how many leading tokens all requests share, leaving each one token of its own.

    The last token is excluded because it is only ever scored, never decoded.
    """
    inputs = [request.tokens[:-1] for request in requests]
    return min(n_shared(inputs[0], each) for each in inputs)


def n_shared(first: Int32, second: Int32) -> int:
    """Return the number of tokens that two texts share at their beginning."""
    length = min(len(first), len(second))
    differs = np.flatnonzero(first[:length] != second[:length])
    return int(differs[0]) if differs.size else length
