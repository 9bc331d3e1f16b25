from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeval.llama.defaults import batch_tokens_for
from edgeval.scoring.plan import BATCH_OVERHEAD_TOKENS, LEAST_TRUNK_TOKENS, MAX_SEQUENCES, plan
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.requests import Batch, Request, common_prefix_length

any_plan = settings(deadline=None, max_examples=60)

Tokens = tuple[int, ...]
Prediction = tuple[Tokens, int]


@pytest.fixture(
    params=[LEAST_TRUNK_TOKENS, 2], ids=["long trunks", "any trunk"], autouse=True, scope="module"
)
def least_trunk(request: pytest.FixtureRequest) -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgeval.scoring.plan.LEAST_TRUNK_TOKENS", request.param)
        yield request.param


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
        self.trunk: Tokens = tuple(batch.trunk.tolist())
        self.sequences: dict[int, Tokens] = {}
        self.contexts: list[Tokens] = []
        ends = np.cumsum(batch.sequence_counts)
        for index, token in enumerate(batch.tokens.tolist()):
            ids = batch.sequence_ids[ends[index] - batch.sequence_counts[index] : ends[index]]
            contexts = {(*self.sequences.get(one, self.trunk), token) for one in ids.tolist()}
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


cases = st.tuples(
    st.lists(any_item(), min_size=1, max_size=12).map(lambda items: list(itertools.chain(*items))),
    st.integers(1, 60),
)
Case = tuple[list[Request], int]


def inputs_of(requests: Sequence[Request]) -> list[Tokens]:
    return [tuple(one.tokens[:-1].tolist()) for one in requests]


def tree_size(requests: Sequence[Request]) -> int:
    """Count the distinct prefixes of what the requests decode."""
    return len(
        {tokens[:end] for tokens in inputs_of(requests) for end in range(1, len(tokens) + 1)}
    )


@any_plan
@given(cases)
def test_every_target_is_predicted_once_from_exactly_the_tokens_before_it(case: Case) -> None:
    requests, batch_tokens = case
    found: dict[int, list[Prediction]] = {}
    for batch in plan(requests, batch_tokens):
        for index, predictions in zip(
            batch.requests.tolist(), Replay(batch).predictions, strict=True
        ):
            assert index not in found
            found[index] = predictions
    assert [found[index] for index in range(len(requests))] == predictions_of(requests)


@any_plan
@given(cases)
def test_sequences_are_the_inputs_that_no_other_continues(case: Case) -> None:
    requests, batch_tokens = case
    for batch in plan(requests, batch_tokens):
        sequences = Replay(batch).sequences
        inputs = set(inputs_of([requests[index] for index in batch.requests]))
        longest = {
            one
            for one in inputs
            if not any(len(each) > len(one) and each[: len(one)] == one for each in inputs)
        }
        assert sorted(sequences) == list(range(len(longest)))
        assert set(sequences.values()) == longest


@any_plan
@given(cases)
def test_every_logit_row_is_read_and_counted(case: Case) -> None:
    planned = plan(*case)
    for batch in planned:
        assert sorted(set(batch.rows.tolist())) == list(range(batch.n_rows))
    assert planned.rows == sum(batch.n_rows for batch in planned)


@any_plan
@given(cases)
def test_a_batch_decodes_each_distinct_prefix_once(case: Case) -> None:
    requests, batch_tokens = case
    planned = plan(requests, batch_tokens)
    batches = list(planned)
    sizes = [len(batch.tokens) for batch in batches]
    trunks = [tuple(batch.trunk.tolist()) for batch in batches]
    assert sizes == [
        tree_size([requests[index] for index in batch.requests]) - len(trunk)
        for batch, trunk in zip(batches, trunks, strict=True)
    ]
    # Each is decoded once: the batches that have it come one after another.
    once = [trunk for trunk, _ in itertools.groupby(trunks) if trunk]
    assert len(once) == len(set(once))
    assert (planned.tokens, planned.max_tokens) == (sum(sizes) + sum(map(len, once)), max(sizes))
    assert planned.max_trunk == max(map(len, trunks))
    assert planned.n_batches == len(sizes)
    assert planned.lower_bound == tree_size(requests)
    assert planned.max_sequences == max(batch.sequence_ids.max() + 1 for batch in planned)


def cost(batches: Sequence[Sequence[Request]], batch_tokens: int) -> int:
    """Return what the plan minimises, from its definition."""
    longest = max(len(one.tokens) - 1 for batch in batches for one in batch)
    if any(len(batch) > 1 and tree_size(batch) > batch_tokens + longest for batch in batches):
        return 1_000_000
    total = 0
    for batch in batches:
        excess = max(0, tree_size(batch) - batch_tokens)
        total += tree_size(batch) + excess + BATCH_OVERHEAD_TOKENS * (1 + (excess > 0))
    return total


@any_plan
@given(
    st.lists(any_item(), min_size=1, max_size=3).map(lambda items: list(itertools.chain(*items))),
    st.integers(1, 60),
)
def test_no_other_cut_of_the_sorted_requests_costs_less(
    requests: list[Request], batch_tokens: int
) -> None:
    ordered = sorted(requests[:9], key=lambda one: one.tokens[:-1].tobytes())
    n = len(ordered)
    least = min(
        cost([ordered[begin:end] for begin, end in itertools.pairwise([0, *cuts, n])], batch_tokens)
        for size in range(n)
        for cuts in itertools.combinations(range(1, n), size)
    )
    planned = plan(ordered, batch_tokens, keeps=False)
    found = [[ordered[index] for index in batch.requests] for batch in planned]
    assert cost(found, batch_tokens) == least


@any_plan
@given(cases)
def test_batches_come_in_the_order_of_their_first_requests(case: Case) -> None:
    batches = list(plan(*case))
    groups = itertools.groupby(batches, key=lambda batch: tuple(batch.trunk.tolist()))
    firsts = [[int(batch.requests.min()) for batch in group] for trunk, group in groups]
    assert [sorted(group) for group in firsts] == firsts
    firsts_of_groups = [group[0] for group in firsts]
    assert firsts_of_groups == sorted(firsts_of_groups)
    assert firsts_of_groups[0] == 0


@any_plan
@given(cases)
def test_a_plan_that_keeps_nothing_has_no_trunks(case: Case) -> None:
    assert all(len(batch.trunk) == 0 for batch in plan(*case, keeps=False))


@any_plan
@given(cases, st.randoms(use_true_random=False))
def test_what_is_left_of_a_plan_is_made_of_the_same_batches(case: Case, random: Random) -> None:
    requests, batch_tokens = case
    wanted = set(random.sample(range(len(requests)), random.randint(1, len(requests))))
    whole = plan(requests, batch_tokens)
    rest = whole.only(wanted)
    expected = [batch for batch in whole if wanted & set(batch.requests.tolist())]
    assert rest.n_batches == len(expected)
    assert (rest.max_tokens, rest.max_trunk) == (whole.max_tokens, whole.max_trunk)
    trunks = [
        len(tuple(trunk)) for trunk, _ in itertools.groupby(tuple(b.trunk.tolist()) for b in rest)
    ]
    assert rest.tokens == sum(len(batch.tokens) for batch in expected) + sum(trunks)
    for found, same in zip(rest, expected, strict=True):
        for name in Batch.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(found, name), getattr(same, name))


@any_plan
@given(cases)
def test_the_same_arguments_give_the_same_batches(case: Case) -> None:
    for first, second in zip(plan(*case), plan(*case), strict=True):
        for name in Batch.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@any_plan
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_the_requests_does_not_change_the_cost(case: Case, random: Random) -> None:
    requests, batch_tokens = case
    planned = plan(requests, batch_tokens)
    random.shuffle(requests)
    shuffled = plan(requests, batch_tokens)
    assert (shuffled.tokens, shuffled.rows) == (planned.tokens, planned.rows)


def test_the_arrays_of_a_small_batch_by_hand() -> None:
    # Context 5 6; the choices are 7 8 and 7 9 3: they share 5 6 7, and 8 and 3 are only scored.
    (batch,) = plan(item([5, 6], [7, 8], [7, 9, 3]), batch_tokens=4)
    assert batch.requests.tolist() == [0, 1]
    assert batch.tokens.tolist() == [5, 6, 7, 9]
    assert batch.positions.tolist() == [0, 1, 2, 3]
    # The first choice is decoded with the second.
    assert batch.sequence_counts.tolist() == [1, 1, 1, 1]
    assert batch.sequence_ids.tolist() == [0, 0, 0, 0]
    assert batch.reads_logits.tolist() == [0, 1, 1, 1]
    assert batch.n_rows == 3
    # After 6 comes 7 twice, after 7 comes 8 or 9, after 9 comes 3.
    assert batch.targets.tolist() == [7, 8, 7, 9, 3]
    assert batch.rows.tolist() == [0, 1, 0, 1, 2]
    assert batch.counts.tolist() == [2, 3]


def test_the_arrays_have_the_types_that_llama_cpp_reads() -> None:
    (batch,) = plan(item([5], [6], [7, 8]), batch_tokens=8)
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
        pytest.param(item([1], [2], [2, 3], [2, 3, 4]), 1, 3, 3, id="prefix of another"),
        pytest.param(item([1, 2], [3, 4], [3, 4]), 3, 3, 2, id="duplicates"),
        pytest.param([request([1, 2, 3], 2), request([1, 2, 3], 1)], 2, 2, 2, id="two starts"),
        pytest.param(item([1, 2], [3, 4, 5]), 4, 4, 3, id="one choice"),
        pytest.param([request([1, 2], 1), request([3, 2], 1)], 0, 2, 2, id="nothing shared"),
    ],
)  # fmt: skip
def test_cost_by_hand(requests: list[Request], prefix: int, cost: int, rows: int) -> None:
    (batch,) = plan(requests, batch_tokens=cost)
    assert common_prefix_length(requests) == prefix
    assert len(batch.tokens) == cost
    assert batch.n_rows == rows
    predictions = predictions_of([requests[index] for index in batch.requests])
    assert Replay(batch).predictions == predictions


def numbered_items(*sizes: int) -> list[Request]:
    """Return requests of the given numbers of decoded tokens that share nothing."""
    return [request([index, *range(100, 100 + size)], 1) for index, size in enumerate(sizes)]


def test_a_batch_is_filled_up_to_its_size() -> None:
    planned = plan(numbered_items(20, 20, 20, 20, 20), batch_tokens=40)
    assert sorted(len(batch.tokens) for batch in planned) == [20, 40, 40]
    assert (planned.tokens, planned.lower_bound, planned.n_batches) == (100, 100, 3)


def test_an_item_stays_whole_where_cutting_decodes_more_again_than_it_is_too_large_by() -> None:
    # 10 tokens of context, then 30 for each choice.
    requests = item(range(1, 11), range(100, 131), range(200, 231))
    assert [len(batch.tokens) for batch in plan(requests, batch_tokens=61)] == [70]
    assert [len(batch.tokens) for batch in plan(requests, batch_tokens=59)] == [40, 40]


def test_neighbours_with_a_common_title_are_not_separated() -> None:
    titles = [list(range(1, 31)), list(range(31, 61))]
    requests = [
        one
        for number in range(4)
        for title in titles
        for one in item([*title, 100 + number], range(200, 205), range(300, 305))
    ]
    planned = plan(requests, batch_tokens=70)
    assert [sorted({index // 2 % 2 for index in batch.requests}) for batch in planned] == [[0], [1]]
    assert planned.tokens == planned.lower_bound == 2 * (30 + 4 * 9)


def test_at_most_256_sequences_share_a_batch() -> None:
    # All but the last decode the tokens 1 and 2 and one of their own; the last shares only 1.
    requests = [request([1, 2, 10 + index, 0], 1) for index in range(300)]
    planned = plan([*requests, request([1, 3, 0], 1)], batch_tokens=10_000)
    sizes = [int(batch.sequence_ids.max()) + 1 for batch in planned]
    assert (MAX_SEQUENCES, planned.max_sequences, sum(sizes)) == (256, max(sizes), 301)
    assert max(sizes) <= 256
    assert planned.n_batches == 2


def test_choices_that_differ_in_their_last_token_alone_are_one_sequence() -> None:
    (batch,) = plan(item([1, 2], *([choice] for choice in range(300))), batch_tokens=8)
    assert batch.tokens.tolist() == [1, 2]
    assert batch.sequence_ids.tolist() == [0, 0]
    assert batch.rows.tolist() == [0] * 300


def test_no_requests_give_no_batches() -> None:
    planned = plan([], batch_tokens=8)
    assert list(planned) == []
    assert (planned.tokens, planned.rows, planned.n_batches, planned.lower_bound) == (0, 0, 0, 0)


def test_tokens_of_real_hellaswag_are_near_the_least_possible(
    shared: Path, least_trunk: int
) -> None:
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(shared / "data" / "llama2_tokenizer.model")
    )
    data = HELLASWAG.load(shared / "data" / "hellaswag_val_fifth.txt")
    choices = []
    for each in data.items("text"):
        texts = [[1, *processor.encode(f"{context} {choice}")] for context, choice in each.pairs]
        start = common_prefix_length([request(tokens, 1) for tokens in texts])
        choices.append([request(tokens, start) for tokens in texts])
    requests = list(itertools.chain(*choices))
    # llama-perplexity decodes what all choices of an item share once, and the last tokens too.
    shared_of = [requests[0].start for requests in choices]
    each_alone = sum(len(one.tokens) for one in requests)
    peer = each_alone - 3 * sum(shared_of)
    planned = plan(requests, batch_tokens_for("F16"))
    assert planned.max_trunk == 0 or least_trunk < LEAST_TRUNK_TOKENS
    assert (planned.lower_bound, peer, each_alone) == (355_466, 379_911, 724_152)
    assert planned.tokens <= 1.01 * planned.lower_bound
    assert planned.max_sequences <= MAX_SEQUENCES
    assert planned.rows == 257_667
