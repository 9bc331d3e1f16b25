"""Prefix trees: what requests share, and the arrays of a batch of neighbours. Pure NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edgeval.tasks.requests import Batch, Int32, Int64, Request, n_shared


class PrefixTree:
    """The prefix tree of the tokens that requests decode, as a sorted list.

    Each request adds to the tree the tokens that it does not share with the one before it. A run of
    neighbours is a tree of its own, in which the first shares nothing. A trunk is a number of first
    tokens that all requests of a run share and that none of them scores the next token of.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        """Sort requests, and count what they share.

        Args:
            requests: What to score; indices of requests are those of this sequence.
        """
        self.order = self._ordered(requests)
        self.requests = [requests[index] for index in self.order]
        inputs = [request.tokens[:-1] for request in self.requests]
        self.lengths: Int64 = np.array([len(each) for each in inputs], dtype=np.int64)
        self.starts: Int64 = np.array([each.start for each in self.requests], dtype=np.int64)
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

    def _places(self, cut: slice) -> Int64:
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

    def trunk(self, cut: slice) -> int:
        """Return the length of the longest trunk of a run of requests."""
        shared = self.shared[cut.start + 1 : cut.stop]
        return int(shared.min(initial=self.starts[cut].min() - 1))

    def alike(self, cut: slice, n_tokens: int) -> Iterator[slice]:
        """Yield the parts of a run whose requests share so many first tokens, in their order."""
        differs = np.flatnonzero(self.shared[cut.start + 1 : cut.stop] < n_tokens)
        bounds = [cut.start, *(differs + cut.start + 1).tolist(), cut.stop]
        yield from itertools.starmap(slice, itertools.pairwise(bounds))

    def batch(self, cut: slice, trunk: int) -> Batch:
        """Return the arrays of a run of requests, whose first tokens are decoded before."""
        places = self._places(cut)
        requests, lengths = [self.requests[place] for place in places], self.lengths[places]
        shared = np.maximum(self.shared[places], trunk)
        shared[0] = trunk
        is_leaf = self.is_leaf[places]
        is_leaf[-1] = True
        depths = np.arange(trunk, lengths.max())
        # Below, a row is a request and a column a depth in the tree.
        is_decoded = depths < lengths[:, np.newaxis]
        is_added = is_decoded & (depths >= shared[:, np.newaxis])
        nodes = np.full(is_added.shape, -1, dtype=np.int32)
        nodes[is_added] = np.arange(np.count_nonzero(is_added), dtype=np.int32)
        # What a request shares, it shares with the one above it, whose nodes are numbered lower.
        nodes = np.maximum.accumulate(nodes, axis=0)
        in_sequence = nodes[is_leaf][is_decoded[is_leaf]]
        of_leaves = lengths[is_leaf] - trunk
        sequences = np.repeat(np.arange(len(of_leaves), dtype=np.int32), of_leaves)
        starts = self.starts[places]
        sources = nodes[is_decoded & (depths >= starts[:, np.newaxis] - 1)]
        positions = (np.nonzero(is_added)[1] + trunk).astype(np.int32)
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
            trunk=requests[0].tokens[:trunk],
        )


class Separate(PrefixTree):
    """Requests that share nothing, in their own order: each is a sequence from its first token."""

    def _ordered(self, requests: Sequence[Request]) -> Int64:
        return np.arange(len(requests))

    def _shared(self, inputs: Sequence[Int32]) -> Int64:
        return np.zeros(len(inputs), dtype=np.int64)

    def _places(self, cut: slice) -> Int64:
        # llama.cpp advances neighbours together for as long as none of them ends.
        places = super()._places(cut)
        return places[np.argsort(self.lengths[cut], kind="stable")]
