from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeval.plan import (
    MAX_SEQUENCES,
    Batch,
    Request,
    common_prefix_length,
    decoded_tokens,
    plan,
)

any_plan = settings(deadline=None, max_examples=60)

Tokens = tuple[int, ...]
Prediction = tuple[Tokens, int]


def request(tokens: Sequence[int], start: int) -> Request:
    return Request(np.array(tokens, dtype=np.int32), start)


def item(context: Sequence[int], *choices: Sequence[int]) -> list[Request]:
    return [request([*context, *choice], len(context)) for choice in choices]


def predictions_of(requests: Sequence[Request]) -> list[list[Prediction]]:
    """For each choice: which token is to be predicted after which tokens."""
    return [
        [
            (tuple(one.tokens[:at].tolist()), int(one.tokens[at]))
            for at in range(one.start, len(one.tokens))
        ]
        for one in requests
    ]


class Replay:
    """What an engine would see in a batch: only the batch's arrays are read."""

    def __init__(self, batch: Batch) -> None:
        self.sequences: dict[int, Tokens] = {}
        self.contexts: list[Tokens] = []
        ends = np.cumsum(batch.sequence_counts)
        for index, token in enumerate(batch.tokens.tolist()):
            ids = batch.sequence_ids[ends[index] - batch.sequence_counts[index] : ends[index]]
            contexts = {(*self.sequences.get(one, ()), token) for one in ids.tolist()}
            assert len(contexts) == 1, "a token belongs to sequences with different histories"
            context = contexts.pop()
            assert batch.positions[index] == len(context) - 1
            self.contexts.append(context)
            self.sequences.update(dict.fromkeys(ids.tolist(), context))
        assert ends[-1] == len(batch.sequence_ids)
        read = np.flatnonzero(batch.reads_logits)
        predicted = [
            (self.contexts[read[row]], target)
            for row, target in zip(batch.rows.tolist(), batch.targets.tolist(), strict=True)
        ]
        bounds = [0, *np.cumsum(batch.counts).tolist()]
        assert bounds[-1] == len(predicted)
        self.predictions = [predicted[begin:end] for begin, end in itertools.pairwise(bounds)]


@st.composite
def any_item(draw: st.DrawFn) -> list[Request]:
    """Choices over three tokens: shared beginnings, duplicates and prefixes of others abound."""
    token = st.integers(0, 2)
    context = draw(st.lists(token, min_size=1, max_size=6))
    endings = draw(st.lists(st.lists(token, min_size=1, max_size=5), min_size=1, max_size=5))
    requests = []
    for ending in endings:
        tokens = [*context, *ending]
        requests.append(request(tokens, draw(st.integers(1, len(tokens) - 1))))
    return requests


items_and_room = st.tuples(st.lists(any_item(), min_size=1, max_size=12), st.integers(0, 40)).map(
    lambda drawn: (drawn[0], max(map(decoded_tokens, drawn[0])) + drawn[1])
)


@any_plan
@given(items_and_room)
def test_every_target_is_predicted_once_from_exactly_the_tokens_before_it(
    case: tuple[list[list[Request]], int],
) -> None:
    items, batch_tokens = case
    found = [choice for batch in plan(items, batch_tokens) for choice in Replay(batch).predictions]
    assert found == [choice for requests in items for choice in predictions_of(requests)]


@any_plan
@given(items_and_room)
def test_each_sequence_decodes_its_choice_without_the_last_token(
    case: tuple[list[list[Request]], int],
) -> None:
    items, batch_tokens = case
    decoded = []
    for batch in plan(items, batch_tokens):
        sequences = Replay(batch).sequences
        assert sorted(sequences) == list(range(len(batch.counts)))
        decoded += [sequences[one] for one in sorted(sequences)]
    assert decoded == [tuple(one.tokens[:-1].tolist()) for requests in items for one in requests]


@any_plan
@given(items_and_room)
def test_every_logit_row_is_read(case: tuple[list[list[Request]], int]) -> None:
    for batch in plan(*case):
        assert sorted(set(batch.rows.tolist())) == list(range(batch.n_rows))


@any_plan
@given(items_and_room)
def test_what_all_choices_of_an_item_share_is_decoded_once(
    case: tuple[list[list[Request]], int],
) -> None:
    items, batch_tokens = case
    expected = 0
    for requests in items:
        inputs = [one.tokens[:-1].tolist() for one in requests]
        # Columns of the inputs, up to the end of the shortest, are the same until they are not.
        columns = zip(*inputs, strict=False)
        shared = len(list(itertools.takewhile(lambda column: len(set(column)) == 1, columns)))
        expected += shared + sum(len(tokens) - shared for tokens in inputs)
        assert common_prefix_length(requests) == shared
    assert sum(len(batch.tokens) for batch in plan(items, batch_tokens)) == expected
    assert sum(map(decoded_tokens, items)) == expected


@any_plan
@given(items_and_room)
def test_batches_partition_the_items_in_order_and_keep_the_limits(
    case: tuple[list[list[Request]], int],
) -> None:
    items, batch_tokens = case
    batches = list(plan(items, batch_tokens))
    assert [index for batch in batches for index in batch.items] == list(range(len(items)))
    for batch in batches:
        assert len(batch.items) >= 1
        assert len(batch.tokens) <= batch_tokens or len(batch.items) == 1
        assert batch.sequence_ids.max() < MAX_SEQUENCES


@any_plan
@given(items_and_room)
def test_no_batch_ends_while_the_next_item_would_fit(
    case: tuple[list[list[Request]], int],
) -> None:
    items, batch_tokens = case
    for batch in list(plan(items, batch_tokens))[:-1]:
        assert len(batch.tokens) + decoded_tokens(items[batch.items.stop]) > batch_tokens


@any_plan
@given(items_and_room)
def test_the_same_arguments_give_the_same_batches(case: tuple[list[list[Request]], int]) -> None:
    for first, second in zip(plan(*case), plan(*case), strict=True):
        assert first.items == second.items
        for name in ("tokens", "positions", "sequence_counts", "sequence_ids", "reads_logits"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        for name in ("rows", "targets", "counts"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_arrays_of_a_small_batch_by_hand() -> None:
    # Context 5 6; the choices are 7 8 and 7 9 3: they share 5 6 7, and 8 and 3 are only scored.
    (batch,) = plan([item([5, 6], [7, 8], [7, 9, 3])], batch_tokens=4)
    assert batch.items == range(1)
    assert batch.tokens.tolist() == [5, 6, 7, 9]
    assert batch.positions.tolist() == [0, 1, 2, 3]
    assert batch.sequence_counts.tolist() == [2, 2, 2, 1]
    assert batch.sequence_ids.tolist() == [0, 1, 0, 1, 0, 1, 1]
    assert batch.reads_logits.tolist() == [0, 1, 1, 1]
    assert batch.n_rows == 3
    # After 6 comes 7 twice, after 7 comes 8 or 9, after 9 comes 3.
    assert batch.targets.tolist() == [7, 8, 7, 9, 3]
    assert batch.rows.tolist() == [0, 1, 0, 1, 2]
    assert batch.counts.tolist() == [2, 3]


def test_the_arrays_have_the_types_that_llama_cpp_reads() -> None:
    (batch,) = plan([item([5], [6], [7, 8])], batch_tokens=8)
    assert batch.reads_logits.dtype == np.int8
    for name in ("tokens", "positions", "sequence_counts", "sequence_ids", "rows", "targets"):
        assert getattr(batch, name).dtype == np.int32, name


@pytest.mark.parametrize(
    ("requests", "prefix", "cost", "rows"),
    [
        pytest.param(item([1, 2], [3], [4]), 2, 2, 1, id="one token a choice"),
        pytest.param(item([1, 2], [3, 4], [3, 5]), 3, 3, 2, id="shared beyond the start"),
        pytest.param(
            # The first choice merged with the context's last token: 1 9 instead of 1 2.
            [request([1, 9, 3, 4], 2), request([1, 2, 3, 4], 2)], 1, 5, 4,
            id="shared stops before the start",
        ),
        pytest.param(item([1], [2], [2, 3], [2, 3, 4]), 1, 4, 4, id="prefix of another"),
        pytest.param(item([1, 2], [3, 4], [3, 4]), 3, 3, 2, id="duplicates"),
        pytest.param([request([1, 2, 3], 2), request([1, 2, 3], 1)], 2, 2, 2, id="two starts"),
        pytest.param(item([1, 2], [3, 4, 5]), 4, 4, 3, id="one choice"),
        pytest.param([request([1, 2], 1), request([3, 2], 1)], 0, 2, 2, id="nothing shared"),
    ],
)  # fmt: skip
def test_cost_by_hand(requests: list[Request], prefix: int, cost: int, rows: int) -> None:
    (batch,) = plan([requests], batch_tokens=cost)
    assert common_prefix_length(requests) == prefix
    assert len(batch.tokens) == cost
    assert batch.n_rows == rows
    assert Replay(batch).predictions == predictions_of(requests)


def test_an_item_goes_to_the_next_batch_only_when_it_does_not_fit() -> None:
    costs_two = item([1, 2], [3], [4])
    assert [batch.items for batch in plan([costs_two] * 5, batch_tokens=4)] == [
        range(0, 2),
        range(2, 4),
        range(4, 5),
    ]


def test_at_most_256_sequences_share_a_batch() -> None:
    four_choices = item([1, 2], [3], [4], [5], [6])
    batches = list(plan([four_choices] * 65, batch_tokens=10_000))
    assert MAX_SEQUENCES == 256
    assert [batch.items for batch in batches] == [range(0, 64), range(64, 65)]
    assert set(batches[0].sequence_ids.tolist()) == set(range(256))
    assert set(batches[1].sequence_ids.tolist()) == set(range(4))


def test_an_item_that_costs_more_than_a_batch_is_alone() -> None:
    small, large = item([1], [2], [3]), item([1, 2, 3, 4], [5], [6])
    batches = list(plan([small, small, large, small], batch_tokens=3))
    assert [batch.items for batch in batches] == [range(2), range(2, 3), range(3, 4)]
    assert [len(batch.tokens) for batch in batches] == [2, 4, 1]


def test_an_item_with_too_many_choices_raises() -> None:
    with pytest.raises(ValueError, match="item 1: 257 choices, more than 256"):
        list(plan([item([1], [2]), item([1], *([2] for _ in range(257)))], batch_tokens=3))


def test_no_items_give_no_batches() -> None:
    assert list(plan([], batch_tokens=8)) == []
