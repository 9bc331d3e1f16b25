"""Which published numbers a run is judged by: the model's card, another card, typed claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.checkpoints.cards import cards
from edgeval.checkpoints.claims import Claimed, claimed, named_card
from edgeval.checkpoints.locate import ModelLocation
from edgeval.errors import EdgevalError
from tests.helpers.fakes import Lines
from tests.helpers.own_cards import CARD, card_text

LOCATION = ModelLocation(card=cards()["tinyllama-3t"], repo=cards()["tinyllama-3t"].repo)
FILE = ModelLocation(path=Path("model.gguf"))


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_a_model_is_judged_by_its_own_card(lines: Lines) -> None:
    found = claimed().of(LOCATION, lines)
    assert found == Claimed(cards()["tinyllama-3t"])
    claims, others = found.on("hellaswag")
    assert [claim.value for claim in claims] == [59.2]
    assert len(others) == 6
    assert found.on("mmlu")[0] == []
    assert claimed().of(FILE, lines).on("hellaswag") == ([], [])
    assert lines.lines == []


def test_typed_claims_go_before_those_of_the_card(lines: Lines) -> None:
    texts = ["hellaswag acc_norm 43.0 one", "hellaswag acc lm-eval 44.0 two"]
    claims, others = claimed(None, texts).of(LOCATION, lines).on("hellaswag")
    assert [claim.value for claim in claims] == [43.0, 44.0, 59.2]
    assert [claim.notes for claim in claims][:2] == ["given with --claim"] * 2
    assert len(others) == 6


def test_a_card_that_is_named_is_judged_instead_and_said_to_be_another_models(
    lines: Lines,
) -> None:
    found = claimed("pythia-1b").of(LOCATION, lines)
    claims, others = found.on("hellaswag")
    assert [claim.value for claim in claims] == [47.16]
    note = (
        "from the card 'pythia-1b' of EleutherAI/pythia-1b, given with --card; the model is "
        "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"
    )
    assert claims[0].notes == f"Table 3 of arXiv 2312.00752 has 47.2; {note}"
    assert {claim.notes for claim in others} == {note}
    (said,) = lines.lines
    assert "'pythia-1b' is of EleutherAI/pythia-1b, and the model is TinyLlama/" in said


@pytest.mark.parametrize(
    ("location", "model"),
    [
        (FILE, None),
        (ModelLocation(repo="eleutherai/PYTHIA-1b"), None),
        (ModelLocation(path=Path("a.gguf"), base_model="me/other"), "me/other"),
        (ModelLocation(path=Path("a.gguf"), base_model="EleutherAI/pythia-1b"), None),
    ],
)
def test_what_is_not_known_to_be_another_model_is_not_said_to_be(
    location: ModelLocation, model: str | None, lines: Lines
) -> None:
    note = claimed("pythia-1b").of(location, lines).note
    of = "from the card 'pythia-1b' of EleutherAI/pythia-1b, given with --card"
    assert note == (of if model is None else f"{of}; the model is {model}")
    assert bool(lines.lines) == (model is not None)


def test_a_card_is_named_by_its_name_or_its_file(tmp_path: Path) -> None:
    path = tmp_path / "whatever.toml"
    path.write_text(CARD, encoding="utf-8")
    assert named_card(str(path)).name == "mine"
    # The name of a card that ships is free in a file, which is named by its path.
    path.write_text(card_text(name="tinyllama-3t"), encoding="utf-8")
    assert named_card(str(path)).repo == "me/mine"
    assert named_card("demo") == cards()["demo"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tinylama-3t", r"no card 'tinylama-3t' \(did you mean 'tinyllama-3t'\?\)"),
        ("nothing.toml", r"cannot read nothing\.toml \(No such file or directory\)"),
        ("../x", r"no card '\.\./x'"),
        ("a\0.toml", "no file can have this name"),
    ],
)
def test_what_is_no_card_is_a_sentence(name: str, words: str) -> None:
    with pytest.raises(EdgevalError, match=words):
        named_card(name)
