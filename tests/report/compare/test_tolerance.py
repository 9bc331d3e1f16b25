"""The tolerance between machines: how often chance alone turns so many items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgeval.report.compare.agreement import OFFLOADED_SHARE, QUANTIZED_SHARE, SHARE
from edgeval.report.compare.chance import MOST_ITEMS, probability, tolerance
from tests.helpers.comparisons import LEVEL

SHARES = (SHARE, OFFLOADED_SHARE, QUANTIZED_SHARE)


def enumerated(n_items: int, share: float) -> np.ndarray:
    """Return the probability of each net change from -n to n, by adding one item at a time."""
    found = np.ones(1)
    for _ in range(n_items):
        found = np.convolve(found, [share / 2, 1 - share, share / 2])
    return found


@pytest.mark.parametrize("share", [*SHARES, 0.4])
@pytest.mark.parametrize("n_items", [1, 2, 7, 64, 401])
def test_the_distribution_is_that_of_items_that_turn_one_by_one(n_items: int, share: float) -> None:
    expected = enumerated(n_items, share)
    distances = np.abs(np.arange(-n_items, n_items + 1))
    for distance in {0, 1, 2, 3, n_items // 2, n_items}:
        tail = expected[distances >= distance].sum()
        assert probability(distance, n_items, share) == pytest.approx(tail, rel=1e-9, abs=1e-200)
    assert probability(n_items + 1, n_items, share) == 0


SOME = (*range(1, 200), *range(200, 10_042, 211), 10_042)


@pytest.mark.parametrize(
    "sizes", [SOME, pytest.param(range(1, 10_043), marks=pytest.mark.slow)], ids=["some", "all"]
)
@pytest.mark.parametrize("share", SHARES)
def test_no_size_is_above_what_is_said(share: float, sizes: Sequence[int]) -> None:
    last = 0
    for n_items in sizes:
        limit = tolerance(n_items, share, LEVEL)
        assert limit >= last
        assert probability(limit + 1, n_items, share) <= LEVEL
        assert limit == 0 or probability(limit, n_items, share) > LEVEL
        last = limit


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("n_items", [1, 20, 276, 2009, 10_042])
def test_where_fewer_items_turn_no_size_is_greater(n_items: int, share: float) -> None:
    limit = tolerance(n_items, share, LEVEL)
    sizes = [probability(limit + 1, n_items, share * less) for less in (0.01, 0.5, 0.9, 1)]
    assert sizes == sorted(sizes)
    assert sizes[-1] <= LEVEL


@pytest.mark.parametrize(
    ("total", "expected"),
    [(1, (1, 1, 1)), (100, (3, 4, 7)), (1000, (9, 12, 20)), (10_042, (26, 36, 63))],
)
def test_the_tolerance_grows_with_the_root_of_the_items(
    total: int, expected: tuple[int, int, int]
) -> None:
    assert tuple(tolerance(total, share, LEVEL) for share in SHARES) == expected


def test_of_very_many_items_the_tail_is_bounded() -> None:
    for distance in (1, 100, 200, 1000):
        exact = probability(distance, MOST_ITEMS, SHARE)
        assert exact <= probability(distance, MOST_ITEMS + 1, SHARE)
    assert probability(10**6, 10**15, SHARE) == 1
    assert 0 < tolerance(10**15, SHARE, LEVEL) < 10**8
