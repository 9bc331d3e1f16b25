from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.stats.sampling import order_items

seeds = st.integers(0, 2**32 - 1)
# Two kinds of item, as HellaSwag has; three at most, as other data may have.
groups_of_items = st.lists(st.sampled_from(["activitynet", "wikihow", "all"]), max_size=80)


@given(groups_of_items, seeds)
def test_the_order_is_a_permutation(groups: list[str], seed: int) -> None:
    assert sorted(order_items(groups, "random", seed)) == list(range(len(groups)))


@given(groups_of_items, seeds)
def test_every_prefix_holds_each_group_within_one_item_of_its_share(
    groups: list[str], seed: int
) -> None:
    order = order_items(groups, "random", seed)
    sizes = Counter(groups)
    seen: Counter[str] = Counter()
    for n, index in enumerate(order, start=1):
        seen[groups[index]] += 1
        for group, size in sizes.items():
            assert abs(seen[group] - n * size / len(groups)) < 1


def test_a_slice_of_hellaswag_has_its_proportions() -> None:
    # 3,243 of the 10,042 items are ActivityNet's: of 1,000, 3243 / 10042 * 1000 = 322.9.
    groups = ["activitynet"] * 3243 + ["wikihow"] * 6799
    slice_ = order_items(groups, "random", 0)[:1000]
    assert Counter(groups[index] for index in slice_) == {"activitynet": 323, "wikihow": 677}


def test_the_seed_decides_the_order() -> None:
    groups = ["a"] * 50 + ["b"] * 50
    assert order_items(groups, "random", 1) == order_items(groups, "random", 1)
    assert order_items(groups, "random", 1) != order_items(groups, "random", 2)


def test_each_item_of_a_group_is_as_likely_to_come_first() -> None:
    # 600 draws of one of 6: 100 each, with a standard deviation of sqrt(600 * 5) / 6 = 9.1.
    firsts = Counter(order_items(["a"] * 6, "random", seed)[0] for seed in range(600))
    assert sorted(firsts) == list(range(6))
    assert all(60 < count < 140 for count in firsts.values())


def test_items_that_are_groups_of_their_own_are_shuffled_too() -> None:
    # Data whose source_id has no "~" has a group an item.
    groups = [f"source {index:02}" for index in range(20)]
    firsts = {order_items(groups, "random", seed)[0] for seed in range(50)}
    assert len(firsts) > 5


@given(groups_of_items, seeds)
def test_file_keeps_the_order(groups: list[str], seed: int) -> None:
    assert order_items(groups, "file", seed) == list(range(len(groups)))


@pytest.mark.parametrize("order", ["random", "file"])
def test_no_items_have_an_empty_order(order: str) -> None:
    assert order_items([], order, 0) == []  # type: ignore[arg-type]
