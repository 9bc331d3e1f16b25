"""Claims that are typed: what is understood, and what is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.checkpoints.claim_text import parsed
from edgeval.errors import EdgevalError
from edgeval.records import Claim
from edgeval.records.claims import NOT_STATED
from edgeval.system.escapes import visible
from tests.helpers.claims import make_data

WORDS = st.sampled_from(
    ["hellaswag", "acc_norm", "10-shot", "lm-eval", "these-items", "43.0", "0.4", "-1", "1e9"]
)


def claim(text: str) -> Claim:
    return parsed(text).claim(None)


def test_what_is_not_said_is_not_stated() -> None:
    found = claim("hellaswag acc_norm 43.0 Table 2 of arXiv 2401.02385")
    assert (found.task, found.metric, found.printed) == ("hellaswag", "acc_norm", "43.0")
    assert (found.protocol, found.shots) == (NOT_STATED, 0)
    assert (found.data, found.n_items) == ("Rowan/hellaswag validation", 10042)
    assert found.citation.section == "Table 2 of arXiv 2401.02385"
    assert (found.citation.row, found.citation.column) == ("", "")
    assert found.notes == "given with --claim"
    assert found.tolerance_points == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hellaswag acc 10-shot 43 x", {"shots": 10, "metric": "acc", "decimals": 0}),
        ("hellaswag acc lm-eval 43.0 x", {"protocol": "lm-eval"}),
        ("hellaswag acc LM-Eval-BOS 25-SHOT 43.0 x", {"protocol": "lm-eval-bos", "shots": 25}),
        ("hellaswag acc 0-shot lm-evaluation-harness 43.0 x", {"shots": 0}),
        ("HellaSwag ACC_norm llama.cpp 43.00% x", {"protocol": "llama.cpp", "decimals": 2}),
        ("hellaswag acc 59.20 x", {"value": 59.2, "decimals": 2, "correct": 5945}),
        ("hellaswag acc 59.2 x", {"value": 59.2, "decimals": 1, "correct": None}),
        ("hellaswag acc 0 x", {"value": 0.0}),
        ("hellaswag acc 100 x", {"value": 100.0}),
    ],
)
def test_what_stands_before_the_number_says_how_it_was_measured(
    text: str, expected: dict[str, Any]
) -> None:
    found = claim(text)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("'Table 2'", "Table 2"),
        ('"the model card"', "the model card"),
        ("the 'card'", "the 'card'"),
        ("  a\tb\n c ", "a b c"),
        ("'", "'"),
        ("59.2 43", "59.2 43"),
    ],
)
def test_all_behind_the_number_is_its_source(source: str, shown: str) -> None:
    assert parsed(f"hellaswag acc 43.0 {source}").source == shown


def test_a_source_may_begin_like_a_protocol_where_one_is_named() -> None:
    assert parsed("hellaswag acc lm-eval 43.0 llama.cpp, README").source == "llama.cpp, README"


def test_these_items_are_those_that_are_evaluated() -> None:
    data = make_data(name="mine.jsonl", n_items=200, n_total=1000)
    given_claim = parsed("hellaswag acc_norm lm-eval these-items 73.20 our last release")
    found = given_claim.claim(data)
    assert (found.data, found.data_fingerprint) == ("mine.jsonl", "a" * 64)
    assert (found.n_items, found.correct) == (1000, 732)
    assert given_claim.claim(None).n_items == 10042
    other = parsed("hellaswag acc_norm lm-eval 73.20 our last release").claim(data)
    assert (other.data_fingerprint, other.n_items) == (None, 10042)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it names no task and metric"),
        ("hellaswag", "it names no task and metric"),
        ("helaswag acc 43.0 x", "unknown task 'helaswag' (did you mean 'hellaswag'?)"),
        ("hellaswag accnorm 43.0 x", "unknown metric 'accnorm' (did you mean 'acc_norm'?)"),
        ("hellaswag acc lmeval 43 x", "'lmeval' is not understood (did you mean 'lm-eval'?)"),
        ("hellaswag acc theseitems 43 x", "(did you mean 'these-items'?)"),
        ("hellaswag acc lighteval 43 x", "'lighteval' is not understood"),
        ("hellaswag acc lm-eval x", "'x' is not understood"),
        ("hellaswag acc", "it has no number"),
        ("hellaswag acc 10-shot lm-eval", "it has no number"),
        ("hellaswag acc 43.0", "it does not say where its number stands"),
        ("hellaswag acc 43.0 lm-eval paper", "lm-eval stands before the number"),
        ("hellaswag acc 43.0 10-shot paper", "10-shot stands before the number"),
        ("hellaswag acc 1-shot 2-shot 43 x", "'2-shot' says again what stands before it"),
        ("hellaswag acc lm-eval llama.cpp 43 x", "'llama.cpp' says again"),
        ("hellaswag acc 1001-shot 43 x", "'1001-shot' is more than 1,000 shots"),
        ("hellaswag acc 10shot 43 x", "'10shot' is no percentage like 43.0"),
        ("hellaswag acc 43,0 x", "'43,0' is no percentage like 43.0"),
        ("hellaswag acc -43 x", "'-43' is no percentage"),
        ("hellaswag acc 100.1 x", "'100.1' is no percentage"),
        ("hellaswag acc 4e1 x", "'4e1' is no percentage"),
        ("hellaswag acc 0.43 x", "0.43 is a fraction or below 1 %; write it in percent"),
        ("hellaswag acc 43.1234567 x", "is no percentage"),
        ("hellaswag acc ٤٣ x", "is not understood"),
        ("hellaswag acc 43.0 " + "x" * 500, "has 519 characters, and 500 are the most"),
        ("hella\x1b[2Jswag acc 43 x", r"unknown task 'hella\x1b[2jswag'"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name(text: str, words: str) -> None:
    with pytest.raises(EdgevalError) as caught:
        parsed(text)
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.endswith("write it like 'hellaswag acc_norm 43.0 SOURCE'")
    assert sentence.isprintable()
    assert len(sentence) < 600


@given(st.lists(WORDS | st.text(max_size=12), max_size=9))
def test_a_text_is_a_claim_or_a_sentence(words: list[str]) -> None:
    text = " ".join(words)
    try:
        found = claim(text)
    except EdgevalError as error:
        assert visible(str(error)) == str(error)
    else:
        assert 0 <= found.value <= 100
        assert found.citation.section
        assert Claim.model_validate_json(found.model_dump_json()) == found
