from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.records import Drift, Evidence, Stopping
from edgeval.stats.drift import drift
from edgeval.stats.evidence import MOST_TOLD_BYTES, evidence, lead_change, most_told
from edgeval.tasks.item import Item, ItemScore
from tests.helpers.fakes import make_item, make_score, score_picking

Logprobs = Sequence[float]


def found_of(
    *types: Sequence[ItemScore],
    reference: Sequence[ItemScore],
    metric: str = "acc",
    drifts: Sequence[Drift] | None = None,
    most: int = 500,
) -> tuple[Evidence, list[Drift]]:
    """Return the evidence of types that are called A, B and so on, and their comparisons."""
    names = [chr(ord("A") + at) for at in range(len(types))]
    drifts = drifts or [
        drift(name, scores, "F16", reference, metric)
        for name, scores in zip(names, types, strict=True)
    ]
    scores = {
        name: dict(enumerate(each))
        for name, each in zip(["F16", *names], [reference, *types], strict=True)
    }
    found = evidence(drifts, scores, metric, most=most)
    assert found is not None
    return found, list(drifts)


def scored(*logprobs: Logprobs, group: str = "all") -> list[ItemScore]:
    """Return scores of items of two choices, of which the first is right."""
    return [
        make_score(each, make_item(choices=["yes", "no"], name=str(at), group=group))
        for at, each in enumerate(logprobs)
    ]


def test_a_small_ladder_by_hand() -> None:
    reference = scored((-1, -2), (-1, -4), (-3, -1), (-1, -9))
    # Leads are 1, 3, -2 and 8; of A they become -1, -3, 1 and 7.
    found, _ = found_of(scored((-2, -1), (-5, -2), (-1, -2), (-2, -9)), reference=reference)
    assert found.n_flips == 3
    assert [(each.item, each.is_lost, lead_change(each)) for each in found.flips] == [
        ("1", True, -6),
        ("2", False, 3),
        ("0", True, -2),
    ]
    first = found.flips[0]
    assert (first.label, first.gold, first.reference_pick, first.pick) == ("A", 0, 0, 1)
    assert (first.reference_logprobs, first.logprobs) == ([-1, -4], [-5, -2])
    assert (first.reference_values, first.values) == ([-1, -4], [-5, -2])
    assert (first.context, first.choices) == ("context", ["yes", "no"])
    # Changes are -1, +1; -4, +2; +2, -1; -1, 0. The lower edge belongs to what is between two.
    edges = found.change_edges_nats
    (histogram,) = found.changes
    assert {edges[at - 1]: n for at, n in enumerate(histogram.counts) if n} == {
        -5: 1, -1: 3, -0.005: 1, 1: 1, 2: 2,
    }  # fmt: skip
    (groups,) = found.groups
    assert [each.model_dump() for each in groups.groups] == [
        {"group": "all", "n_items": 4, "reference_right": 3, "right": 2, "lost": 2, "gained": 1}
    ]


def test_no_type_is_crowded_out() -> None:
    reference = scored(*[(-1, -2)] * 9)
    often = scored(*[(-20 - at, -2) for at in range(9)])
    seldom = scored((-3, -2), *[(-1, -2)] * 8)
    found, _ = found_of(often, seldom, reference=reference, most=4)
    assert found.n_flips == 10
    assert [(each.label, each.item) for each in found.flips] == [
        ("A", "8"),
        ("A", "7"),
        ("A", "6"),
        ("B", "0"),
    ]


def test_the_picks_are_those_of_the_metric() -> None:
    item = make_item(choices=["a", "bbbb"], gold=0)
    before, after = [make_score([-2, -4], item)], [make_score([-2, -10], item)]
    (by_character,) = found_of(after, reference=before, metric="acc_norm")[0].flips
    assert (by_character.reference_values, by_character.values) == ([-2, -1], [-2, -2.5])
    assert by_character.reference_logprobs == [-2, -4]
    assert lead_change(by_character) == 1.5
    assert found_of(after, reference=before, metric="acc")[0].flips == []
    means = [make_score([-2, -4], item, token_means=each) for each in ((-1, -2), (-3, -2))]
    (by_token,) = found_of(means[1:], reference=means[:1], metric="acc_token")[0].flips
    assert (by_token.reference_values, by_token.values) == ([-1, -2], [-3, -2])


def test_an_only_choice_is_generated_or_not() -> None:
    item = make_item(choices=["text"])
    before, after = (
        replace(make_score([logprob], item), is_greedy=(is_greedy,))
        for logprob, is_greedy in ((-0.5, True), (-2.0, False))
    )
    (found,) = found_of([after], reference=[before])[0].flips
    assert (found.gold, found.reference_pick, found.pick) == (0, 0, 1)
    assert (found.reference_values, found.values) == ([-0.5], [-2.0])
    assert lead_change(found) < 0


def test_contexts_of_their_own_are_told_where_they_part() -> None:
    contexts = ("Ann thanked Bob since Ann", "Ann thanked Bob since Andy")
    item = Item("7", "all", contexts, ("was helped.",), gold=0)
    before, after = make_score([-1, -2], item), make_score([-2, -1], item)
    (told,) = found_of([after], reference=[before])[0].flips
    assert told.context == "Ann thanked Bob since "
    assert told.choices == ["Ann was helped.", "Andy was helped."]


def test_long_texts_are_cut_where_they_tell_least() -> None:
    item = make_item(context="x" * 3000 + "?", choices=["a" * 501, "b" * 500], name="n" * 300)
    before, after = make_score([-1, -2], item), make_score([-2, -1], item)
    (told,) = found_of([after], reference=[before])[0].flips
    assert told.context == "…" + "x" * 1998 + "?"
    assert told.choices == ["a" * 499 + "…", "b" * 500]
    assert told.item == "n" * 199 + "…"


def test_all_together_stay_small() -> None:
    items = [
        make_item(context="é" * 2000, choices=["字" * 500] * 4, name=str(at)) for at in range(600)
    ]
    reference = [make_score([-1, -2, -3, -4], item) for item in items]
    types = [[make_score([-2, -1, -3, -4], item) for item in items] for _ in range(3)]
    found, _ = found_of(*types, reference=reference)
    n_bytes = sum(len(each.model_dump_json().encode()) for each in found.flips)
    assert 0.98 * MOST_TOLD_BYTES < n_bytes <= MOST_TOLD_BYTES
    assert {each.label for each in found.flips} == {"A", "B", "C"}
    assert found.n_flips == 1800


def test_items_of_very_many_choices_are_not_told() -> None:
    before = make_score([-1, *[-2] * 100])
    after = make_score([-3, *[-2] * 100], before.item)
    found, _ = found_of([after], reference=[before])
    assert (found.n_flips, found.flips) == (1, [])


def test_the_largest_groups_stand_first_and_small_ones_are_counted() -> None:
    def scores(pick: int) -> list[ItemScore]:
        groups = ["large"] * 3 + [f"group {at:03}" for at in range(205)]
        return [
            replace(each, item=replace(each.item, group=group))
            for each, group in zip([score_picking(pick, gold=0)] * 208, groups, strict=True)
        ]

    found, _ = found_of(scores(1), reference=scores(0))
    (groups,) = found.groups
    assert [each.group for each in groups.groups[:2]] == ["large", "group 000"]
    assert (len(groups.groups), groups.n_more) == (200, 6)
    assert [each.lost for each in groups.groups[:2]] == [3, 1]


def test_items_that_were_drawn_for_what_they_tell_are_no_groups() -> None:
    reference, scores = scored((-1, -2)), scored((-2, -1))
    compared = drift("A", scores, "F16", reference, "acc")
    for design, n_groups in (("weighted", 0), ("random order", 1)):
        stopping = Stopping(points=1.0, is_decided=True, design=design, n_items=1)  # type: ignore[arg-type]
        drifts = [compared.model_copy(update={"stopping": stopping})]
        found, _ = found_of(scores, reference=reference, drifts=drifts)
        assert len(found.groups) == n_groups
        assert len(found.flips) == 1


def test_a_type_that_stopped_early_stands_beside_the_same_items() -> None:
    reference = dict(enumerate(scored((-1, -2), (-1, -3), (-1, -4))))
    scores = {2: scored((-1, -4))[0], 0: scored((-2, -1))[0]}
    scores = {at: replace(each, item=reference[at].item) for at, each in scores.items()}
    compared = drift("A", list(scores.values()), "F16", [reference[2], reference[0]], "acc")
    found = evidence([compared], {"F16": reference, "A": scores}, "acc")
    assert found is not None
    assert [each.item for each in found.flips] == ["0"]
    assert found.groups[0].groups[0].n_items == 2


def test_nothing_that_changed_is_in_the_middle() -> None:
    scores = scored((-1, -2), (-3, -1))
    found, _ = found_of(scores, reference=scores)
    assert found.n_flips == 0
    assert found.changes[0].counts[len(found.change_edges_nats) // 2] == 4


def test_nothing_compared_is_no_evidence() -> None:
    assert evidence([], {"F16": {}}, "acc") is None


@pytest.mark.parametrize(("n_tasks", "most"), [(1, 500), (4, 500), (10, 200), (5000, 1)])
def test_tasks_share_what_is_told(n_tasks: int, most: int) -> None:
    assert most_told(n_tasks) == most


_VALUES = st.floats(-50, -1e-3)
_ITEMS = st.lists(
    st.tuples(*[st.tuples(*[_VALUES] * 3)] * 3, st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=30,
)


@given(_ITEMS)
def test_counts_add_up(drawn: list[tuple[Logprobs, Logprobs, Logprobs, str]]) -> None:
    items = [
        make_item(choices=["a", "bb", "ccc"], gold=at % 3, name=str(at), group=group)
        for at, (*_, group) in enumerate(drawn)
    ]
    reference, *types = (
        [make_score(each[at], item) for each, item in zip(drawn, items, strict=True)]
        for at in range(3)
    )
    found, drifts = found_of(*types, reference=reference, metric="acc_norm")
    assert found.n_flips == len(found.flips) == sum(len(each.flips) for each in drifts)
    edges = found.change_edges_nats
    assert edges == [-each for each in reversed(edges)]
    for compared, changes, groups in zip(drifts, found.changes, found.groups, strict=True):
        assert compared.label == changes.label == groups.label
        assert sum(changes.counts) == 3 * len(items)
        assert sum(each.n_items for each in groups.groups) == len(items)
        assert sum(each.lost for each in groups.groups) == compared.right_to_wrong
        assert sum(each.gained for each in groups.groups) == compared.wrong_to_right
    assert Evidence.model_validate(json.loads(found.model_dump_json())) == found
