"""Whether published numbers can be what they say: k of n rounded, and averages of their rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgeval.checkpoints.cards import cards
from edgeval.records import Average, Claim
from edgeval.stats.contradictions import contradiction
from tests.helpers.reports import example_claim

ROW = [
    ("hellaswag", 59.20, 10042),
    ("openbookqa", 36.00, 500),
    ("winogrande", 59.12, 1267),
    ("arc_challenge", 30.12, 1172),
    ("arc_easy", 55.25, 2376),
    ("boolq", 57.83, 3270),
    ("piqa", 73.29, 1838),
]


def published(value: float, n_items: int, decimals: int = 2, **changes: object) -> Claim:
    return example_claim(value, n_items=n_items, decimals=decimals, **changes)


def rounded_either_way(count: int, n_items: int, decimals: int) -> set[int]:
    """Return the value of a count in units of its last decimal, halves rounded up and down."""
    twice = 2 * 100 * 10**decimals * count
    return {(twice + n_items) // (2 * n_items), -((n_items - twice) // (2 * n_items))}


@given(st.integers(1, 300), st.integers(0, 3), st.data())
def test_the_counts_are_those_that_round_to_the_value(
    n_items: int, decimals: int, data: st.DataObject
) -> None:
    units = data.draw(st.integers(0, 100 * 10**decimals))
    claim = published(units / 10**decimals, n_items, decimals)
    expected = [
        count
        for count in range(n_items + 1)
        if units in rounded_either_way(count, n_items, decimals)
    ]
    assert list(claim.counts) == expected
    assert claim.printed == f"{units / 10**decimals:.{decimals}f}"


@pytest.mark.parametrize(
    ("value", "n_items", "decimals", "expected"),
    [
        (59.20, 10042, 2, [5945]),
        (55.25, 2376, 2, []),
        (55.22, 2376, 2, [1312]),
        (55.26, 2376, 2, [1313]),
        (55.3, 2376, 1, [1313, 1314, 1315]),
        (73.20, 1000, 2, [732]),
        (12.5, 1000, 0, [125]),  # It has a decimal, whatever is said of them.
        (0.5, 200, 2, [1]),
        (0.0, 7, 2, [0]),
        (100.0, 7, 2, [7]),
        (12.5, 8, 1, [1]),
        (13.0, 8, 0, [1]),  # 12.5 is halfway, and rounded up.
        (12.0, 8, 0, [1]),  # ... or to even.
    ],
)
def test_counts_by_hand(value: float, n_items: int, decimals: int, expected: list[int]) -> None:
    assert list(published(value, n_items, decimals).counts) == expected


@pytest.mark.parametrize("correct", [5944, 5946, 0, 10042])
def test_a_count_that_is_not_the_value_is_refused(correct: int) -> None:
    with pytest.raises(ValidationError, match=f"correct is {correct:,} of 10,042 items, which is"):
        example_claim(59.20, correct=correct)
    assert example_claim(59.20, correct=5945).correct == 5945


def test_the_row_of_the_paper_contradicts_itself() -> None:
    average = Average(value=52.99)
    row = [example_claim(v, task=t, n_items=n, row_average=average) for t, v, n in ROW]
    assert contradiction(row) == (
        "The row contradicts itself: arc_easy 55.25 is no share of 2,376 items (1,312 right are "
        "55.22, 1,313 right are 55.26), and its average 52.99 is not the mean of its 7 numbers "
        "(52.97)."
    )
    assert math.isclose(sum(value for _, value, _ in ROW) / 7, 52.9729, abs_tol=1e-4)
    assert contradiction([each for each in row if each.task == "piqa"][:0]) == ""


@pytest.mark.parametrize(
    ("average", "decimals", "is_one"),
    # The mean is 50.005; both numbers may be half a hundredth off, and the average.
    [
        (50.0, 2, False),
        (50.01, 2, False),
        (50.02, 2, True),
        (49.99, 2, True),
        (50.0, 1, False),
        (50.1, 1, True),
        (50.0, 0, False),
    ],
)
def test_an_average_is_allowed_all_roundings(average: float, decimals: int, is_one: bool) -> None:
    printed = Average(value=average, decimals=decimals)
    row = [published(value, 10042, row_average=printed) for value in (40.0, 60.01)]
    assert bool(contradiction(row)) == is_one


def test_rows_with_other_averages_are_other_rows() -> None:
    def row(average: float, *values: float) -> list[Claim]:
        printed = Average(value=average)
        return [published(value, 10042, row_average=printed) for value in values]

    both = [*row(50.0, 40.0, 60.0), *row(30.0, 20.0, 40.0), published(99.0, 100)]
    assert contradiction(both) == ""
    assert "average 51.00 is not the mean of its 2 numbers (50.00)" in contradiction(
        [*row(51.0, 40.0, 60.0), *row(30.0, 20.0, 40.0)]
    )


def test_one_row_of_the_cards_contradicts_itself() -> None:
    found = {card.name: card.contradiction for card in cards().values() if card.contradiction}
    assert list(found) == ["tinyllama-3t"]
    rows = [card for card in cards().values() if card.average is not None]
    assert {card.family for card in rows} == {"Pythia", "TinyLlama"}
    for card in rows:
        assert card.average is not None and card.average.decimals == 2
        assert len(card.claims) == 7
        assert all(claim.row_average == card.average for claim in card.claims)
