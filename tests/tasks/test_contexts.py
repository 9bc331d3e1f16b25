"""Items of one context or of many, in requests, shots and scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from edgeval import llama
from edgeval.errors import DataError
from edgeval.evaluation.file_scorer import evaluate_file
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.stats.metrics import pick
from edgeval.tasks import registry
from edgeval.tasks.fewshot import prompt
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.protocol import PROTOCOLS, get
from edgeval.tasks.task import Rendering, Row, Task
from tests.helpers.fakes import FakeTokenizer, make_item
from tests.helpers.reference_llama import ReferenceLlama
from tests.helpers.tiny import write_items

SCHEMA = Item("1", "all", ("It is no bowl: the cup", "It is no bowl: the bowl"), ("was tall.",), 1)
"""A blank that two words may fill: what follows it is scored after each."""


def test_pairs_are_each_choice_after_its_context() -> None:
    assert make_item("ab", ["c", "d"]).pairs == (("ab", "c"), ("ab", "d"))
    assert replace(SCHEMA, contexts=("a", "b"), choices=("c",)).pairs == (("a", "c"), ("b", "c"))
    assert replace(SCHEMA, contexts=("a", "b"), choices=("c", "d")).pairs == (
        *(("a", "c"), ("b", "d")),
    )
    assert (SCHEMA.n_choices, make_item("ab", ["c", "d", "e"]).n_choices) == (2, 3)


@pytest.mark.parametrize(
    ("contexts", "choices", "gold", "words"),
    [
        ((), ("a",), 0, "0 contexts and 1 choices"),
        (("a",), (), 0, "1 contexts and 0 choices"),
        (("a", "b"), ("c", "d", "e"), 0, "2 contexts and 3 choices"),
        (("a", "b"), ("c",), 2, "has no choice 2"),
        (("a",), ("c", "d"), -1, "has no choice -1"),
    ],
)
def test_what_makes_no_pairs_is_refused(
    contexts: tuple[str, ...], choices: tuple[str, ...], gold: int, words: str
) -> None:
    with pytest.raises(DataError, match=f"^item 7 .*{words}"):
        Item("7", "all", contexts, choices, gold)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_same_context_twice_is_as_one(name: str) -> None:
    tokenizer = FakeTokenizer(("b c", " cd"))
    one = make_item("ab ", ["cd", "ef"])
    two = replace(one, contexts=one.contexts * 2)
    for ours, theirs in zip(
        get(name).requests(one, tokenizer), get(name).requests(two, tokenizer), strict=True
    ):
        assert (ours.tokens.tolist(), ours.start) == (theirs.tokens.tolist(), theirs.start)


@pytest.mark.parametrize("name", ["lm-eval", "lm-eval-bos"])
def test_each_context_has_its_own_beginning_and_boundary(name: str) -> None:
    tokenizer = FakeTokenizer()
    item = Item("7", "all", ("a ", "abc", ""), ("de",), 0)
    protocol = get(name)
    if name == "lm-eval":
        item = replace(item, contexts=item.contexts[:2])
    together = protocol.requests(item, tokenizer)
    alone = [
        request
        for context in item.contexts
        for request in protocol.requests(replace(item, contexts=(context,), gold=0), tokenizer)
    ]
    assert [(each.tokens.tolist(), each.start) for each in together] == [
        (each.tokens.tolist(), each.start) for each in alone
    ]
    assert len({each.start for each in together}) > 1


def test_shots_are_before_each_context_and_are_the_right_pair() -> None:
    found = prompt(SCHEMA, [replace(SCHEMA, contexts=("x", "y"), choices=("z",)), make_item("ab")])
    assert found.contexts == tuple(f"y z\n\nab a\n\n{context}" for context in SCHEMA.contexts)
    assert (found.choices, found.gold) == (SCHEMA.choices, SCHEMA.gold)


def test_lengths_are_of_what_follows_each_context() -> None:
    item = replace(SCHEMA, choices=("é.",))
    score = ItemScore(item, (-2.0, -1.0), (2, 2), (-1.0, -0.5), (False, True))
    assert (score.n_chars, score.n_bytes) == ((2, 2), (3, 3))
    assert {pick(score, name) for name in ("acc", "acc_norm", "acc_bytes", "acc_token")} == {1}


# With a model


class Blank(Row, BaseModel):
    sentence: str
    options: tuple[str, str]
    label: int

    @property
    def content(self) -> list[str | int]:
        return [self.sentence, *self.options, self.label]

    def item(self, rendering: Rendering) -> Item:
        before, _, after = self.sentence.partition("_")
        contexts = tuple(f"{before}{option}" for option in self.options)
        return Item(self.sentence, "all", contexts, (after.strip(),), self.label)


BLANKS = Task(
    name="blanks",
    data_name="nobody/blanks",
    split="validation",
    n_items=2,
    shots_split="train",
    row=Blank.model_validate,
    renderings=("lm-eval",),
    metrics=("acc",),
    source="nobody",
)


@pytest.mark.parametrize("shots", [0, 1])
def test_scores_after_two_contexts_are_those_of_an_independent_forward_pass(
    shots: int,
    tiny_checkpoint: Path,
    tiny_f32: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(registry.TASKS, "blanks", BLANKS)
    rows: list[dict[str, object]] = [
        {
            "sentence": f"No bowl is full, so the _ were {n}.",
            "options": ("cups", "very old bowls"),
            "label": n % 2,
        }
        for n in range(6)
    ]
    # What follows the first begins as the second goes on: these tokens are shared by chance.
    chance = {"sentence": "So the _ were were full.", "options": ("cups", "cups were"), "label": 0}
    rows.append(chance)
    data = write_items(tmp_path / "blanks.jsonl", rows)
    setup = prepare(
        Options(task="blanks", data=data, shots=shots, shots_data=data if shots else None)
    )
    result = evaluate_file(tiny_f32, setup)
    reference = ReferenceLlama(tiny_checkpoint)
    with llama.Tokenizer(tiny_f32) as tokenizer:
        requests = [setup.protocol.requests(item, tokenizer) for item in setup.items]
    scores = list(result.scores.values())
    assert len(scores) == len(rows)
    for score, choices in zip(scores, requests, strict=True):
        expected = [reference.choice_logprobs(each.tokens, each.start) for each in choices]
        assert choices[0].start < choices[1].start
        assert score.logprobs == pytest.approx([each.sum() for each in expected], abs=1e-4)
        # The continuation is one and the same: no token of it is left out.
        assert score.n_tokens == (len(expected[0]),) * 2
        assert score.token_means == pytest.approx([each.mean() for each in expected], abs=1e-4)
    correct = sum(int(score.logprobs[1] > score.logprobs[0]) == score.item.gold for score in scores)
    assert result.run.metrics["acc"].correct == correct
    assert setup.data.task == "blanks" and setup.protocol_info().metric == "acc"
