"""Requests become batches: which tokens to decode, for which sequences, reading which logits.

Pure NumPy, no model. All requests of a run form one prefix tree, which is cut into batches. In a
batch each distinct prefix is decoded once, the last token of a request never, and logits are asked
for only where a token's successor is scored. Where many batches begin with the same long prefix, as
those of few-shot tasks do, it is their trunk: decoded once, and kept from one to the next.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgeval.scoring.prefix_tree import PrefixTree, Separate
from edgeval.tasks.requests import Batch, Request

MAX_SEQUENCES = 256
"""Most sequences in one llama.cpp batch (LLAMA_MAX_SEQ)."""

BATCH_OVERHEAD_TOKENS = 16
"""What a batch costs beyond its tokens, as a number of tokens; prevents many small batches."""

LEAST_TRUNK_TOKENS = 80
"""Shorter prefixes are decoded again in each batch: titles of items are, and what a few-shot task
solves is not."""


@dataclass(frozen=True)
class Group:
    """Batches that begin with the same tokens.

    Attributes:
        trunk: How many tokens they share and find decoded; 0 if each begins with an empty cache.
        cuts: The runs of sorted requests that are a batch each.
    """

    trunk: int
    cuts: tuple[slice, ...]


@dataclass(frozen=True)
class Plan:
    """Batches that together score every request exactly once; iterate to have them made.

    Attributes:
        batch_tokens: Tokens that a batch is filled up to.
        n_batches: Number of batches.
        tokens: Number of tokens decoded: those of all batches, and each trunk once.
        lower_bound: Number of tokens that one unlimited batch would decode: those of the prefix
            tree or, where prefixes are not shared, of all requests.
        max_tokens: Number of tokens in the largest batch, without its trunk.
        max_trunk: Number of tokens in the longest trunk.
        max_sequences: Most sequences in a batch.
    """

    batch_tokens: int
    n_batches: int
    tokens: int
    lower_bound: int
    max_tokens: int
    max_trunk: int
    max_sequences: int
    _tree: PrefixTree = field(repr=False)
    _groups: tuple[Group, ...] = field(repr=False)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, that of the first request first, and those with its trunk next."""
        for group in self._groups:
            for cut in group.cuts:
                yield self._tree.batch(cut, group.trunk)

    def only(self, requests: Collection[int]) -> Plan:
        """Return the plan without the batches that score none of these requests.

        The batches that are left are the same, and so are the sizes of the largest.
        """
        wanted, order = set(requests), self._tree.order
        groups = []
        for group in self._groups:
            cuts = [cut for cut in group.cuts if not wanted.isdisjoint(order[cut].tolist())]
            if cuts:
                groups.append(replace(group, cuts=tuple(cuts)))
        return replace(
            self,
            n_batches=sum(len(group.cuts) for group in groups),
            tokens=sum(_n_tokens(self._tree, group) for group in groups),
            _groups=tuple(groups),
        )

    @functools.cached_property
    def rows(self) -> int:
        """Number of logit rows computed in all batches; makes each batch to count them."""
        return sum(batch.n_rows for batch in self)


def plan(
    requests: Sequence[Request], batch_tokens: int, *, shares: bool = True, keeps: bool = True
) -> Plan:
    """Plan how to score requests with as few decoded tokens as batches of that size allow.

    The requests are put in the order of their tokens, so that those with a common prefix are
    neighbours, and cut where the fewest tokens have to be decoded again. Where a prefix cannot be
    shared, each request is a sequence of its own, and they are cut in their own order.

    Args:
        requests: What to score; usually the choices of one item are neighbours already.
        batch_tokens: Tokens that a batch is filled up to, without its trunk. A batch is larger only
            where a cut would decode more tokens again than it is too large by, and by the longest
            request at most.
        shares: Whether a token can belong to several sequences.
        keeps: Whether a cache can keep the first tokens of a sequence and forget the others.

    Returns:
        The plan. The same arguments give the same plan.
    """
    tree = PrefixTree(requests) if shares else Separate(requests)
    groups = list(_groups(tree, batch_tokens, keeps=keeps)) if requests else []
    groups.sort(key=lambda group: tree.first_request(group.cuts[0]))
    cuts = [(cut, group.trunk) for group in groups for cut in group.cuts]
    sizes = [tree.n_tokens(cut) - trunk for cut, trunk in cuts]
    return Plan(
        batch_tokens=batch_tokens,
        n_batches=len(cuts),
        tokens=sum(_n_tokens(tree, group) for group in groups),
        lower_bound=tree.n_tokens(slice(0, len(requests))),
        max_tokens=max(sizes, default=0),
        max_trunk=max((group.trunk for group in groups), default=0),
        max_sequences=max((tree.n_sequences(cut) for cut, _ in cuts), default=0),
        _tree=tree,
        _groups=tuple(groups),
    )


def _n_tokens(tree: PrefixTree, group: Group) -> int:
    """Return the number of tokens that the batches of a group decode, and its trunk."""
    return group.trunk + sum(tree.n_tokens(cut) - group.trunk for cut in group.cuts)


def _groups(tree: PrefixTree, batch_tokens: int, *, keeps: bool) -> Iterator[Group]:
    """Yield the groups of all requests.

    A part that is alike enough to have a longer trunk is a group, or several, of its own.
    """
    waiting = [(slice(0, len(tree.requests)), 0)]
    while waiting:
        run, trunk = waiting.pop()
        rest = [slice(run.start, run.start)]
        for part in tree.alike(run, trunk + LEAST_TRUNK_TOKENS) if keeps else ():
            if _pays(tree, part, trunk, batch_tokens):
                waiting.append((part, tree.trunk(part)))
                rest.append(slice(part.stop, part.stop))
            else:
                rest[-1] = slice(rest[-1].start, part.stop)
        if not keeps:
            rest = [run]
        cuts = [cut for each in rest for cut in _cut(tree, each, trunk, batch_tokens)]
        if cuts:
            yield Group(trunk, tuple(sorted(cuts, key=tree.first_request)))


def _pays(tree: PrefixTree, part: slice, trunk: int, batch_tokens: int) -> bool:
    """Return whether a part decodes fewer tokens with its own trunk than with a shorter one."""
    own = tree.trunk(part)
    n_batches = min(part.stop - part.start, -(-(tree.n_tokens(part) - own) // batch_tokens))
    return bool(n_batches * (own - trunk) > own + BATCH_OVERHEAD_TOKENS)


def _cut(tree: PrefixTree, run: slice, trunk: int, batch_tokens: int) -> list[slice]:
    """Cut a run of sorted requests into batches at the least cost, by dynamic programming.

    The cost of a batch is what it decodes that the batch before it has decoded too, an overhead,
    and, if it is too large, by how much, with the overhead of the batch that it saves.
    """
    n = run.stop - run.start
    shared, lengths = tree.shared[run] - trunk, tree.lengths[run] - trunk
    end_of_added = tree.end_of_added[run.start : run.stop + 1]
    end_of_leaves = tree.end_of_leaves[run.start : run.stop + 1]
    least = np.zeros(n + 1, dtype=np.int64)
    best_begin = np.zeros(n + 1, dtype=np.int64)
    # The number of tokens of begin..end is end_of_added[end] - before[begin].
    before = end_of_added[:-1] - shared
    largest = batch_tokens + int(lengths.max(initial=0))
    for end in range(1, n + 1):
        added = end_of_added[end]
        begin = int(np.searchsorted(before, added - largest))
        leaves = end_of_leaves[end - 1] - (MAX_SEQUENCES - 1)
        begin = min(max(begin, int(np.searchsorted(end_of_leaves, leaves))), end - 1)
        excess = np.maximum(added - before[begin:end] - batch_tokens, 0)
        cost = least[begin:end] + shared[begin:end] + excess
        cost += BATCH_OVERHEAD_TOKENS * (1 + (excess > 0))
        best = int(np.argmin(cost))
        best_begin[end] = begin + best
        least[end] = cost[best]
    cuts = []
    end = n
    while end:
        cuts.append(slice(run.start + int(best_begin[end]), run.start + end))
        end = int(best_begin[end])
    return cuts
