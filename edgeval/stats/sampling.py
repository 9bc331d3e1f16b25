"""Slices of a data set: which items, in which order."""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from typing import Literal

import numpy as np

Order = Literal["random", "file"]


def order_items(groups: Sequence[str], order: Order, seed: int) -> list[int]:
    """Return all item indices in the order in which they are to be evaluated.

    Args:
        groups: The group of each item.
        order: ``file`` keeps the order; ``random`` shuffles within each group and interleaves the
            groups in proportion, so that every prefix is a stratified random sample and a longer
            slice contains the shorter one.
        seed: Seed of the random order.

    Returns:
        A permutation of ``range(len(groups))``. What follows in it depends on the groups of what
        went before, so that an evaluation that stops early needs ``simple_order``.
    """
    if order == "file":
        return list(range(len(groups)))
    rng = np.random.default_rng(seed)
    keyed: list[tuple[float, float, int]] = []
    for group in sorted(set(groups)):
        members = [index for index, of in enumerate(groups) if of == group]
        for rank, member in enumerate(rng.permutation(len(members))):
            # The second key decides ties: without it, groups of one would never be shuffled.
            keyed.append(((rank + 0.5) / len(members), rng.random(), members[member]))
    return [index for _, _, index in sorted(keyed)]


def beginning(order: Sequence[int], known: Container[int]) -> list[int]:
    """Return the longest beginning of an order of which everything is known.

    Args:
        order: Items in a simple random order, of which every beginning is a simple random sample;
            any other part of it that is known may have been chosen for what it is.
        known: Items of which something is known, however they were chosen.
    """
    return list(itertools.takewhile(known.__contains__, order))


def simple_order(n_items: int, seed: int) -> list[int]:
    """Return all item indices in a simple random order: every permutation is as probable.

    Args:
        n_items: Number of items.
        seed: Seed of the order.
    """
    # Another stream than that of weighted draws, which may go on where this order ends.
    rng = np.random.default_rng((seed, 1))
    return [int(index) for index in rng.permutation(n_items)]
