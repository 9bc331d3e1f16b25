"""Few-shot prompts are those of lm-evaluation-harness, character by character.

The golden values were made by scripts/golden/lm_eval_shots.py with lm-evaluation-harness 0.4.13:
its own hellaswag task over the first 20 of the demo's items, drawing from others of them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.errors import DataError, EdgevalError
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.hub import fetch
from edgeval.records import ShotPool
from edgeval.tasks import protocol
from edgeval.tasks.fewshot import draw, prompt
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.item import Item
from tests.helpers.fakes import FakeTokenizer, make_item
from tests.helpers.paths import GOLDEN
from tests.helpers.tiny import make_items, write_items

RECORDED = json.loads((GOLDEN / "demo_lm_eval_shots.json").read_text(encoding="utf-8"))
CASES = RECORDED["cases"]
A, B, C = (make_item(f"the {name}", name=name) for name in "abc")


@pytest.fixture(scope="module")
def demo() -> list[Item]:
    return HELLASWAG.load(cards_folder() / "demo" / "items.jsonl").items("lm-eval")


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("solved") / "solved.jsonl", make_items(30, seed=1))


def drawn(items: list[Item], pool: list[Item], shots: int) -> list[list[Item]]:
    return [[pool[place] for place in places] for places in draw(items, pool, shots)]


def ids(items: list[Item]) -> list[int]:
    return [int(item.id) for item in items]


# The harness


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['shots']} of {len(case['pool'])}")
def test_draws_and_prompts_are_those_of_the_harness(case: dict[str, Any], demo: list[Item]) -> None:
    assert len(case["shown"]) == len(case["context_sha256"]) == 20
    found = drawn(demo, [demo[index] for index in case["pool"]], case["shots"])[:20]
    assert [ids(shown) for shown in found] == case["shown"]
    contexts = [prompt(item, shown).contexts[0] for item, shown in zip(demo, found, strict=False)]
    digests = [hashlib.sha256(context.encode()).hexdigest() for context in contexts]
    assert digests == case["context_sha256"]


# By hand


def test_a_prompt_is_the_solved_items_and_then_the_context() -> None:
    first = make_item("One is", ["odd", "even"], gold=0)
    second = make_item("Two is ", ["odd", "even"], gold=1)
    item = make_item("Three is", ["odd", "even"], gold=0, name="3", group="numbers")
    found = prompt(item, [first, second])
    assert found.contexts[0] == "One is odd\n\nTwo is  even\n\nThree is"
    assert (found.id, found.group, found.choices, found.gold) == ("3", "numbers", item.choices, 0)


def test_the_item_itself_is_never_shown_however_often_it_is_in_the_pool() -> None:
    # Three are drawn for A, of which at least one is A; only B and C may be left.
    for shown in drawn([A] * 50, [A, B, A, C, A], 2):
        assert sorted(each.id for each in shown) == ["b", "c"]


def test_an_item_with_the_same_text_and_another_id_may_be_shown() -> None:
    twin = make_item(A.contexts[0], name="twin")
    assert drawn([A], [A, twin], 1) == [[twin]]


def test_what_is_shown_depends_on_the_place_in_the_data_set_alone(demo: list[Item]) -> None:
    pool = demo[500:]
    whole = draw(demo[:40], pool, 3)
    assert draw(demo[:15], pool, 3) == whole[:15]
    assert draw([demo[7]], pool, 3)[0] == whole[0] != whole[7]


def test_a_pool_without_one_to_spare_is_refused() -> None:
    assert len(draw([A], [A, B, C], 2)[0]) == 2
    with pytest.raises(DataError) as caught:
        draw([A], [A, B, C], 3)
    assert str(caught.value) == (
        "3 shots need at least 4 solved items to draw from, and there are 3; use fewer shots or a "
        "larger file"
    )


def test_a_pool_of_too_few_others_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"item at index 0: 2 shots need as many other solved items, and .* 1"
    ):
        draw([A], [A, A, A, B], 2)


def test_a_prompt_longer_than_the_window_loses_its_first_shots() -> None:
    tokenizer = FakeTokenizer(n_context_train=9)
    item = prompt(make_item("ab", ["c"]), [make_item("one", ["1"]), make_item("two", ["2"])])
    assert item.contexts[0] == "one 1\n\ntwo 2\n\nab"
    (request,) = protocol.get("lm-eval-bos").requests(item, tokenizer)
    assert "".join(tokenizer.texts(request.tokens)) == "wo 2\n\nab c"
    assert "".join(tokenizer.texts(request.tokens[request.start :])) == " c"


# Options


def test_a_slice_gets_the_shots_of_the_whole_data_set(tiny_items: Path, solved: Path) -> None:
    everything = prepare(Options(tiny_items, order="file", shots=2, shots_data=solved)).items
    chosen = prepare(Options(tiny_items, limit=9, seed=3, shots=2, shots_data=solved)).items
    whole = {item.id: item for item in everything}
    assert [whole[item.id] for item in chosen] == chosen
    assert [item.id for item in chosen] != [item.id for item in everything[:9]]
    assert all(item.contexts[0].count("\n\n") == 2 for item in everything)


def test_the_pool_is_recorded(tiny_items: Path, solved: Path) -> None:
    setup = prepare(Options(tiny_items, "lm-eval-bos", shots=5, shots_data=solved))
    assert setup.data.shot_pool == ShotPool(
        name="solved.jsonl", fingerprint=HELLASWAG.load(solved).fingerprint, n_items=30
    )
    assert setup.protocol_info().shots == 5
    assert setup.protocol_info().label == "lm-eval-bos, 5-shot"


def test_without_shots_nothing_is_shown(tiny_items: Path) -> None:
    setup = prepare(Options(tiny_items, order="file"))
    assert setup.items == HELLASWAG.load(tiny_items).items("lm-eval")
    assert setup.data.shot_pool is None
    assert (setup.protocol_info().shots, setup.protocol_info().label) == (0, "lm-eval-bos")


def test_shots_of_the_hubs_items_are_from_its_train_split(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows = {"validation": make_items(6), "train": make_items(8, seed=1)}
    monkeypatch.setattr(
        datasets, "load_dataset", lambda name, split: datasets.Dataset.from_list(rows[split])
    )
    monkeypatch.setattr(fetch, "why_unreachable", lambda: "")
    setup = prepare(Options(order="file", shots=7))
    assert setup.data.name == "Rowan/hellaswag validation"
    assert setup.data.shot_pool is not None
    assert (setup.data.shot_pool.name, setup.data.shot_pool.n_items) == ("Rowan/hellaswag train", 8)
    answers = [row["endings"][int(str(row["label"]))] for row in rows["train"]]  # type: ignore[index]
    shown = [[answer for answer in answers if answer in item.contexts[0]] for item in setup.items]
    assert [len(each) for each in shown] == [7] * 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": -1}, "--shots -1 cannot be shown; use 0 or more"),
        ({"shots": 3}, "the items are not the hub's, so --shots 3 needs .* --shots-data FILE"),
        ({"shots_data": Path("solved.jsonl")}, "--shots-data is read only for shots.*--shots N"),
        (
            {"shots": 3, "protocol": "llama.cpp"},
            "protocol llama.cpp has no shots, as llama-perplexity --hellaswag has none",
        ),
        ({"shots": 3, "shots_data": Path("absent.jsonl")}, "no data file at absent.jsonl"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    options: dict[str, Any], words: str, tiny_items: Path
) -> None:
    with pytest.raises(EdgevalError, match=words):
        prepare(Options(tiny_items, **options))


def test_more_shots_than_the_file_has_are_refused(tiny_items: Path, solved: Path) -> None:
    assert len(prepare(Options(tiny_items, shots=29, shots_data=solved)).items) == 40
    with pytest.raises(EdgevalError, match=r"30 shots need at least 31 solved items .* are 30"):
        prepare(Options(tiny_items, shots=30, shots_data=solved))


# Other samplers


def test_a_task_with_a_test_split_may_show_all_its_pool() -> None:
    (places,) = draw([A], [A, B, C], 3, "any")
    assert sorted(places) == [0, 1, 2]
    with pytest.raises(DataError, match=r"4 shots need at least 4 solved items .* are 3"):
        draw([A], [A, B, C], 4, "any")


def test_the_first_of_the_items_group_are_shown_in_their_order() -> None:
    odd, even = ([make_item(f"{n}", name=f"{n}", group=group) for n in range(3)] for group in "oe")
    pool = [each for pair in zip(even, odd, strict=True) for each in pair]
    assert draw([odd[0], even[2]], pool, 2, "first") == [[1, 3], [0, 2]]
    with pytest.raises(DataError, match="4 shots need as many solved items of o, and there are 3"):
        draw([odd[0]], pool, 4, "first")


def test_a_description_stands_once_before_the_solved_items() -> None:
    about = "On cups.\n\n"
    first, second = (
        replace(make_item(f"{about}{text}", ["a", "b"], gold=1), description=about)
        for text in ("One:", "Two:")
    )
    found = prompt(second, [first])
    assert found.contexts == ("On cups.\n\nOne: b\n\nTwo:",)
    assert prompt(second, []) == second
