"""Renderings of HellaSwag: the order of the steps, and the text of each tool."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.tasks.hellaswag import HELLASWAG, preprocess
from tests.helpers.hellaswag import WIKIHOW, record
from tests.helpers.paths import SHARED

DATA = SHARED / "data"
RAW = DATA / "hellaswag_raw_500.jsonl"
FIFTH = DATA / "hellaswag_val_fifth.jsonl"
FIFTH_TEXT = FIFTH.with_suffix(".txt")

needs_shared = pytest.mark.skipif(not DATA.is_dir(), reason=f"no {DATA}")


def cleaned(text: str) -> str:
    """lm-evaluation-harness's preprocess, without regular expressions."""
    rest, kept = ". ".join(text.strip().split(" [title]")), ""
    while (begin := rest.find("[")) >= 0 and (end := rest.find("]", begin)) >= 0:
        kept, rest = kept + rest[:begin], rest[end + 1 :]
    return " ".join((kept + rest).split("  "))


# preprocess: the order of the steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        (" both ends \n", "both ends"),
        # The strip comes first: what the deleted brackets leave at the ends stays.
        ("[step] Go.", " Go."),
        ("Go. [step]", "Go. "),
        # A title becomes a full stop before brackets are deleted, and brings a second space.
        ("How to fly [title] Jump.", "How to fly. Jump."),
        # Only after a space, which the strip has taken from the beginning.
        (" [title] Jump.", " Jump."),
        ("fly[title] Jump.", "fly Jump."),
        # Brackets are deleted before double spaces: the two that surrounded one become one.
        ("Wait. [step] Go.", "Wait. Go."),
        # Pairs of spaces become one each, once: three leave two, four leave two.
        ("a   b", "a  b"),
        ("a    b", "a  b"),
        ("a [step] [substeps] b", "a  b"),
        # Each bracket ends at the nearest one, and an open one stays.
        ("[a] b [c] d", " b d"),
        ("[[a]] b", "] b"),
        ("a [b", "a [b"),
        ("a ] b [c]", "a ] b "),
        # A bracket does not reach over a line end.
        ("a [b\nc] d", "a [b\nc] d"),
    ],
)
def test_preprocess_by_hand(text: str, expected: str) -> None:
    assert preprocess(text) == expected


@given(st.lists(st.sampled_from(["[", "]", " ", "  ", "a", ".", "[title]", "[step]"])))
def test_preprocess_agrees_with_another_way_to_write_it(parts: list[str]) -> None:
    text = "".join(parts)
    assert preprocess(text) == cleaned(text)


# Renderings


def test_lm_eval_rendering_of_an_activitynet_item() -> None:
    assert record().lm_eval() == (
        "Roof shingle removal: A man is sitting on a roof. He",
        ("wraps skis.", "rips tiles off.", "holds a cube.", "pulls up roofing."),
    )


def test_lm_eval_rendering_of_a_wikihow_item() -> None:
    assert record(WIKIHOW).lm_eval() == (
        "Family Life: How to fly. Jump. Keep calm.",
        ("Fall. Stand up.", "Land.. Rest. Sleep.", " Ask the NBA.", "Flap twice. "),
    )


@pytest.mark.parametrize(
    ("ctx_b", "expected"),
    [
        ("the NBA player", "A. The nba player"),
        ("élan", "A. Élan"),
        ("[step] he", "A. he"),
        ("", "A."),
    ],
)
def test_lm_eval_capitalizes_ctx_b_and_lowers_its_rest(ctx_b: str, expected: str) -> None:
    assert record(ctx_a="A.", ctx_b=ctx_b).lm_eval()[0] == f"Roof shingle removal: {expected}"


def test_text_rendering_keeps_the_case_of_the_context() -> None:
    assert record().text() == (
        "Roof shingle removal: A man is sitting on a roof. he",
        ("wraps skis.", "rips tiles off.", "holds a cube.", "pulls up roofing."),
    )


def test_text_rendering_cleans_the_markers_of_wikihow() -> None:
    assert record(WIKIHOW).text() == (
        "Family Life: How to fly. Jump. Keep calm.",
        ("Fall. Stand up.", "Land.. Rest. Sleep.", "Ask the NBA.", "Flap twice."),
    )


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        # These are in the file that llama.cpp names (hellaswag_val_full.txt).
        ("A site like [www.kiddio.org] helps.", "A site like [www.kiddio.org] helps."),
        ("[title] Polish. [step] No [not recommended].", "Polish. No [not recommended]."),
        ("[title] [title] In order to go. [step] Go.", "In order to go. Go."),
    ],
)
def test_text_rendering_of_endings_as_in_the_file_of_llama_cpp(ending: str, expected: str) -> None:
    assert record(endings=[ending, "a", "b", "c"]).text()[1][0] == expected


@needs_shared
def test_text_rendering_of_real_raw_items_is_the_line_of_the_text_file() -> None:
    lines = {
        (line.contexts[0], choice): line
        for line in HELLASWAG.load(FIFTH_TEXT).items("text")
        for choice in line.choices
    }
    found = [
        (item, lines[item.contexts[0], choice])
        for item in HELLASWAG.load(RAW).items("text")
        for choice in item.choices[:1]
        if (item.contexts[0], choice) in lines
    ]
    assert len(found) == 101
    for ours, theirs in found:
        assert (ours.choices, ours.gold) == (theirs.choices, theirs.gold)


@needs_shared
def test_lm_eval_rendering_of_real_raw_items() -> None:
    rows = [json.loads(line) for line in RAW.read_text(encoding="utf-8").splitlines()]
    items = HELLASWAG.load(RAW).items("lm-eval")
    assert len(items) == len(rows) == 500
    for item, row in zip(items, rows, strict=True):
        context = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
        assert item.contexts[0] == cleaned(context)
        assert item.choices == tuple(cleaned(ending) for ending in row["endings"])
        assert item.gold == int(row["label"])
        assert item.group == row["source_id"].split("~")[0]
        assert item.id == str(row["ind"])


@needs_shared
def test_the_first_real_raw_item_in_full() -> None:
    item = HELLASWAG.load(RAW).items("lm-eval")[0]
    assert item.contexts[0] == (
        "Family Life: How to recover from an emotional affair. Forgive yourself. While forgiving "
        "others can be challenging, it's often even harder to forgive yourself. Remember that if "
        "you had known the path of your actions and their consequences, you probably would not "
        "have done what you did."
    )
    assert item.choices[1] == (
        "Forgiveness in someone else can only serve to make it harder. Cheating can be very "
        "emotional, and can even be worse."
    )


@needs_shared
def test_the_text_rendering_of_a_record_is_the_line_of_the_text_file() -> None:
    rendered, lines = HELLASWAG.load(FIFTH).items("text"), HELLASWAG.load(FIFTH_TEXT).items("text")
    assert len(rendered) == len(lines) == 2009
    for ours, theirs in zip(rendered, lines, strict=True):
        assert ours.contexts[0] == theirs.contexts[0]
        assert ours.choices == theirs.choices
        assert ours.gold == theirs.gold
