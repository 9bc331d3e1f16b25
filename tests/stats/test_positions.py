"""Divergences by the position of the token that is predicted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.records import Divergence
from edgeval.stats.kl import divergence
from edgeval.stats.positions import STARTS, RangeSums, by_range, ends
from edgeval.stats.top_logprobs import ItemDivergence


def test_ranges_grow_outwards_and_leave_nothing_out() -> None:
    assert [ends(number) for number in range(9)] == [
        *((1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 8), (9, 12), (13, 16), (17, 24)),
    ]
    known = [ends(number) for number in range(len(STARTS) - 1)]
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(known))
    assert known[-1][1] > 2**24


def test_choices_of_other_lengths_add_up_by_hand() -> None:
    kl = [np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), np.array([10.0, 20.0])]
    rest = [np.full((6, 2), (0.0, 1.0)), np.full((2, 2), (2.0, 4.0))]
    assert by_range(kl, rest) == (
        *(RangeSums(2, 11.0, 3.5), RangeSums(2, 22.0, 3.5), RangeSums(1, 3.0, 0.5)),
        *(RangeSums(1, 4.0, 0.5), RangeSums(2, 11.0, 1.0)),
    )
    without = by_range(kl, [np.zeros((6, 0)), np.zeros((2, 0))])
    assert [each.rest_sum for each in without] == [None] * 5


@given(st.lists(st.lists(st.integers(1, 200), min_size=1, max_size=5), min_size=2, max_size=6))
def test_ranges_give_the_whole_divergence(lengths: list[list[int]]) -> None:
    rng = np.random.default_rng(0)
    items, kl_of_first, full_of_first = [], [], []
    for of_item in lengths:
        kl = [rng.random(length) for length in of_item]
        rest = [rng.random((length, 4)) for length in of_item]
        kl_of_first.append([each[0] for each in kl])
        full_of_first.append(
            [each[0] + draws[0].mean() for each, draws in zip(kl, rest, strict=True)]
        )
        sums = sum(float(each.sum()) for each in kl)
        drawn = sum(float(each.mean(axis=1).sum()) for each in rest)
        items.append(ItemDivergence(sum(of_item), sums, 0, 0.0, drawn, 0.1, by_range(kl, rest)))
    found = divergence(items, "random")
    assert sum(each.n_positions for each in found.by_position) == found.n_positions
    for name in ("kl_nats", "kl_full_nats"):
        total = sum(getattr(each, name) * each.n_positions for each in found.by_position)
        assert total / found.n_positions == pytest.approx(getattr(found, name), rel=1e-12)
    first = found.by_position[0]
    assert (first.first, first.last, first.n_items) == (1, 1, len(lengths))
    assert first.kl_nats == pytest.approx(np.concatenate(kl_of_first).mean())
    assert first.kl_full_nats == pytest.approx(np.concatenate(full_of_first).mean())
    longest = max(max(of_item) for of_item in lengths)
    assert found.by_position[-1].first <= longest <= found.by_position[-1].last


def test_an_error_is_clustered_by_item_and_of_those_that_are_long_enough() -> None:
    def item(*values: float) -> ItemDivergence:
        kl, none = [np.array(values)], [np.zeros((len(values), 0))]
        return ItemDivergence(len(values), sum(values), 0, 0.0, by_range=by_range(kl, none))

    found = divergence([item(1.0, 4.0), item(3.0), item(5.0)])
    first, second = found.by_position
    assert (first.kl_nats, first.n_items, second.kl_nats, second.n_items) == (3.0, 3, 4.0, 1)
    # The variance of 1, 3 and 5 is 4; that of their mean a third.
    assert first.kl_error_nats == pytest.approx((4 / 3) ** 0.5)
    assert second.kl_error_nats is None


def test_a_record_whose_ranges_contradict_it_is_refused() -> None:
    fields = {"n_items": 2, "n_positions": 9, "kl_nats": 0.02, "kl_error_nats": None}
    fields |= {"top1_agreement": 0.9}
    ranges = [
        {"first": 1, "last": 1, "n_items": 2, "n_positions": 3, "kl_nats": 0.06},
        {"first": 2, "last": 4, "n_items": 2, "n_positions": 6, "kl_nats": 0.0},
    ]
    whole = [each | {"kl_error_nats": None} for each in ranges]
    found = Divergence.model_validate(fields | {"by_position": whole})
    assert found.by_position[1].last == 4
    for at, changes in (
        *((0, {"n_positions": 4}), (0, {"kl_nats": 0.05}), (0, {"last": 2}), (1, {"last": 1})),
        *((0, {"first": 0}), (0, {"n_items": 0})),
    ):
        changed = [each | changes if number == at else each for number, each in enumerate(whole)]
        with pytest.raises(ValueError):
            Divergence.model_validate(fields | {"by_position": changed})
    older = Divergence.model_validate(fields)
    assert "by_position" not in older.model_dump()
