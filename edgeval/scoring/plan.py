"""Requests become batches: which tokens to decode, for which sequences, reading which logits.

Pure NumPy, no model. All requests of a run form one prefix tree, which is cut into batches. In a
batch each distinct prefix is decoded once, the last token of a request never, and logits are asked
for only where a token's successor is scored.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edgeval.tasks.requests import Batch, Int32, Int64, Request, n_shared

MAX_SEQUENCES = 256
"""Most sequences in one llama.cpp batch (LLAMA_MAX_SEQ)."""

BATCH_OVERHEAD_TOKENS = 16
"""What a batch costs beyond its tokens, as a number of tokens; prevents many small batches."""


@dataclass(frozen=True)
class Plan:
    """Batches that together score every request exactly once; iterate to have them made.

    Attributes:
        batch_tokens: Tokens that a batch is filled up to.
        n_batches: Number of batches.
        tokens: Number of tokens decoded in all batches.
        lower_bound: Number of tokens that one unlimited batch would decode: those of the prefix
            tree or, where prefixes are not shared, of all requests.
        max_tokens: Number of tokens in the largest batch.
        max_sequences: Most sequences in a batch.
    """

    batch_tokens: int
    n_batches: int
    tokens: int
    lower_bound: int
    max_tokens: int
    max_sequences: int
    _tree: _Tree = field(repr=False)
    _cuts: tuple[slice, ...] = field(repr=False)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, that of the first request first."""
        return map(self._tree.batch, self._cuts)

    def only(self, requests: Collection[int]) -> Plan:
        """Return the plan without the batches that score none of these requests.

        The batches that are left are the same, and so are the sizes of the largest.
        """
        wanted = set(requests)
        cuts = [cut for cut in self._cuts if not wanted.isdisjoint(self._tree.order[cut].tolist())]
        tokens = sum(map(self._tree.n_tokens, cuts))
        return replace(self, n_batches=len(cuts), tokens=tokens, _cuts=tuple(cuts))

    @functools.cached_property
    def rows(self) -> int:
        """Number of logit rows computed in all batches; makes each batch to count them."""
        return sum(batch.n_rows for batch in self)


def plan(requests: Sequence[Request], batch_tokens: int, *, shares: bool = True) -> Plan:
    """Plan how to score requests with as few decoded tokens as batches of that size allow.

    The requests are put in the order of their tokens, so that those with a common prefix are
    neighbours, and cut where the fewest tokens have to be decoded again. Where a prefix cannot be
    shared, each request is a sequence of its own, and they are cut in their own order.

    Args:
        requests: What to score; usually the choices of one item are neighbours already.
        batch_tokens: Tokens that a batch is filled up to. A batch is larger only where a cut would
            decode more tokens again than it is too large by, and by the longest request at most.
        shares: Whether a token can belong to several sequences.

    Returns:
        The plan. The same arguments give the same plan.
    """
    tree = _Tree(requests) if shares else _Separate(requests)
    cuts = sorted(_cut(tree, batch_tokens), key=tree.first_request)
    sizes = [tree.n_tokens(cut) for cut in cuts]
    return Plan(
        batch_tokens=batch_tokens,
        n_batches=len(cuts),
        tokens=sum(sizes),
        lower_bound=tree.n_tokens(slice(0, len(requests))),
        max_tokens=max(sizes, default=0),
        max_sequences=max(map(tree.n_sequences, cuts), default=0),
        _tree=tree,
        _cuts=tuple(cuts),
    )


class _Tree:
    """The prefix tree of the tokens that requests decode, as a sorted list.

    Each request adds to the tree the tokens that it does not share with the one before it. A run of
    neighbours is a tree of its own, in which the first shares nothing.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.order = self._ordered(requests)
        self.requests = [requests[index] for index in self.order]
        inputs = [request.tokens[:-1] for request in self.requests]
        self.lengths: Int64 = np.array([len(each) for each in inputs], dtype=np.int64)
        self.shared = self._shared(inputs)
        self.end_of_added: Int64 = np.concatenate([[0], np.cumsum(self.lengths - self.shared)])
        # A request that the next one continues needs no sequence of its own.
        self.is_leaf: npt.NDArray[np.bool_] = np.append(self.lengths[:-1] > self.shared[1:], True)
        self.end_of_leaves: Int64 = np.concatenate([[0], np.cumsum(self.is_leaf)])

    def _ordered(self, requests: Sequence[Request]) -> Int64:
        """Return the indices of the requests in the order of the list."""
        keys = [request.tokens[:-1].tobytes() for request in requests]
        # Any order of the tokens will do; that of their bytes is the quickest to sort by.
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)

    def _shared(self, inputs: Sequence[Int32]) -> Int64:
        """Return how many tokens each request shares with the one before it."""
        shared = [n_shared(first, second) for first, second in itertools.pairwise(inputs)]
        return np.array([0, *shared], dtype=np.int64)

    def _rows(self, cut: slice) -> Int64:
        """Return the places in the list of a run of requests, in the order of decoding."""
        return np.arange(cut.start, cut.stop)

    def n_tokens(self, cut: slice) -> int:
        """Return the number of tokens that a run of requests decodes."""
        if cut.start == cut.stop:
            return 0
        added = self.end_of_added[cut.stop] - self.end_of_added[cut.start]
        return int(added + self.shared[cut.start])

    def n_sequences(self, cut: slice) -> int:
        """Return the number of sequences that a run of requests needs."""
        return int(self.end_of_leaves[cut.stop - 1] - self.end_of_leaves[cut.start]) + 1

    def first_request(self, cut: slice) -> int:
        """Return the smallest index of a run of requests."""
        return int(self.order[cut].min())

    def batch(self, cut: slice) -> Batch:
        """Return the arrays of a run of requests."""
        places = self._rows(cut)
        requests, lengths = [self.requests[place] for place in places], self.lengths[places]
        shared = self.shared[places]
        shared[0] = 0
        is_leaf = self.is_leaf[places]
        is_leaf[-1] = True
        depths = np.arange(lengths.max())
        # Below, a row is a request and a column a depth in the tree.
        is_decoded = depths < lengths[:, np.newaxis]
        is_added = is_decoded & (depths >= shared[:, np.newaxis])
        nodes = np.full(is_added.shape, -1, dtype=np.int32)
        nodes[is_added] = np.arange(np.count_nonzero(is_added), dtype=np.int32)
        # What a request shares, it shares with the one above it, whose nodes are numbered lower.
        nodes = np.maximum.accumulate(nodes, axis=0)
        in_sequence = nodes[is_leaf][is_decoded[is_leaf]]
        sequences = np.repeat(np.arange(is_leaf.sum(), dtype=np.int32), lengths[is_leaf])
        starts = np.array([request.start for request in requests], dtype=np.int64)
        sources = nodes[is_decoded & (depths >= starts[:, np.newaxis] - 1)]
        positions = np.nonzero(is_added)[1].astype(np.int32)
        reads_logits = np.zeros(len(positions), dtype=np.int8)
        reads_logits[sources] = 1
        row_of_node = np.cumsum(reads_logits, dtype=np.int32) - 1
        added = [each.tokens[at:-1] for each, at in zip(requests, shared, strict=True)]
        return Batch(
            requests=self.order[places],
            tokens=np.concatenate(added),
            positions=positions,
            sequence_counts=np.bincount(in_sequence, minlength=len(positions)).astype(np.int32),
            sequence_ids=sequences[np.argsort(in_sequence, kind="stable")],
            reads_logits=reads_logits,
            rows=row_of_node[sources],
            targets=np.concatenate([request.tokens[request.start :] for request in requests]),
            counts=(lengths + 1 - starts).astype(np.int32),
        )


class _Separate(_Tree):
    """Requests that share nothing, in their own order: each is a sequence from its first token."""

    def _ordered(self, requests: Sequence[Request]) -> Int64:
        return np.arange(len(requests))

    def _shared(self, inputs: Sequence[Int32]) -> Int64:
        return np.zeros(len(inputs), dtype=np.int64)

    def _rows(self, cut: slice) -> Int64:
        # llama.cpp advances neighbours together for as long as none of them ends.
        places = super()._rows(cut)
        return places[np.argsort(self.lengths[cut], kind="stable")]


def _cut(tree: _Tree, batch_tokens: int) -> list[slice]:
    """Cut the sorted requests into batches at the least cost, by dynamic programming.

    The cost of a batch is what it decodes that the batch before it has decoded too, an overhead,
    and, if it is too large, by how much, with the overhead of the batch that it saves.
    """
    n = len(tree.requests)
    least = np.zeros(n + 1, dtype=np.int64)
    best_begin = np.zeros(n + 1, dtype=np.int64)
    # The number of tokens of begin..end is end_of_added[end] - before[begin].
    before = tree.end_of_added[:-1] - tree.shared
    largest = batch_tokens + int(tree.lengths.max(initial=0))
    for end in range(1, n + 1):
        added = tree.end_of_added[end]
        begin = int(np.searchsorted(before, added - largest))
        leaves = tree.end_of_leaves[end - 1] - (MAX_SEQUENCES - 1)
        begin = min(max(begin, int(np.searchsorted(tree.end_of_leaves, leaves))), end - 1)
        excess = np.maximum(added - before[begin:end] - batch_tokens, 0)
        cost = least[begin:end] + tree.shared[begin:end] + excess
        cost += BATCH_OVERHEAD_TOKENS * (1 + (excess > 0))
        best = int(np.argmin(cost))
        best_begin[end] = begin + best
        least[end] = cost[best]
    cuts = []
    end = n
    while end:
        cuts.append(slice(int(best_begin[end]), end))
        end = int(best_begin[end])
    return cuts
