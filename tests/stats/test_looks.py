"""Looks: some on the way are kept, and always the last."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edgeval.stats.looks import Looks


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60))
def test_looks_are_few_in_order_and_end_with_the_last(blocks: list[int]) -> None:
    looks, n_items = Looks(), 0
    for block in blocks:
        n_items += block
        looks.add(n_items, (0.1, -0.2, 0.4))
    kept = [each.n_items for each in looks.all]
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (blocks[0], n_items)
    assert all(b >= 1.1 * a for a, b in itertools.pairwise(kept[:-1]))
    last = looks.all[-1]
    assert (last.value_points, last.low_points, last.high_points) == (10, -20, 40)


def test_nothing_was_known_before_the_first() -> None:
    assert Looks().all == []
