"""Cards of a user's own: added, found, listed, removed, and never in another's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.checkpoints import cards as module
from edgeval.checkpoints import own_cards
from edgeval.checkpoints.cards import cards, find, find_repo, own_folder, unknown_model
from edgeval.errors import EdgevalError
from tests.helpers.command import edgeval
from tests.helpers.own_cards import CARD, card_text

MALFORMED = 'titel = "x"\n' + CARD


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; nothing is in it, and it is not there."""
    path = tmp_path / "own"
    monkeypatch.setenv("EDGEVAL_CARDS", str(path))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "anything.toml"
    path.write_text(CARD, encoding="utf-8")
    return path


def placed(folder: Path, text: str = CARD, name: str = "mine") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_folder_is_the_platforms_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEVAL_CARDS")
    assert own_folder().parts[-2:] == ("edgeval", "models")
    monkeypatch.setenv("EDGEVAL_CARDS", "~/cards")
    assert own_folder() == Path.home() / "cards"


def test_a_card_is_added_as_it_was_written_and_is_known_by_its_name(
    folder: Path, source: Path
) -> None:
    assert find("mine") is None
    target, remarks = own_cards.add(source)
    assert (target, remarks) == (folder / "mine.toml", [])
    assert target.read_text(encoding="utf-8") == CARD
    card = find("mine")
    assert card is not None and card.repo == "me/mine"
    assert find_repo("ME/Mine") == card
    assert "mine" not in cards()
    assert "(did you mean 'mine'?)" in str(unknown_model("mone"))
    assert own_cards.add(source)[0] == target  # The same card again changes nothing.


def test_another_card_of_its_name_is_replaced_only_if_that_is_said(
    folder: Path, source: Path
) -> None:
    placed(folder)
    source.write_text(CARD.replace("50.0", "51.0"), encoding="utf-8")
    with pytest.raises(EdgevalError, match=r"another card 'mine' in .*add --overwrite"):
        own_cards.add(source)
    assert (folder / "mine.toml").read_text(encoding="utf-8") == CARD
    own_cards.add(source, overwrite=True)
    card = find("mine")
    assert card is not None and card.claims[0].value == 51.0
    assert [path.name for path in folder.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MALFORMED, "titel: Extra inputs"),
        ("name = mine", "is not TOML"),
        (card_text(name="tinyllama-3t"), "ships with edgeval has the name 'tinyllama-3t' already"),
        (card_text(name="../x"), "'../x' cannot be the name of a file"),
        (card_text(name="con"), "'con' cannot be the name of a file"),
        (card_text(name="a\\u001b[2Jb"), r"'a\x1b[2Jb' cannot be the name of a file"),
        (CARD.replace('repo = "me/mine"', 'checkpoint = "demo"'), "only cards that ship with"),
        ('data = "items.jsonl"\n' + CARD, "only cards that ship with edgeval have a checkpoint or"),
        (CARD.replace("me/mine", "mine"), "are no owner/name"),
    ],
)
def test_what_is_no_card_that_a_user_can_bring_is_refused(
    folder: Path, source: Path, text: str, words: str
) -> None:
    source.write_text(text, encoding="utf-8")
    with pytest.raises(EdgevalError) as caught:
        own_cards.add(source, overwrite=True)
    assert words in str(caught.value)
    assert str(source) in str(caught.value)
    assert not folder.exists()


def test_a_card_of_a_repository_that_has_one_says_so_and_goes_before_it(
    folder: Path, source: Path
) -> None:
    repo = "EleutherAI/pythia-410m"
    source.write_text(card_text(repo=repo), encoding="utf-8")
    _, (remark,) = own_cards.add(source)
    assert remark.startswith(f"{repo} has the card 'pythia-410m' too; ")
    found = find_repo(repo)
    assert found is not None and found.name == "mine"
    assert own_cards.add(source)[1] == []


def test_a_card_that_contradicts_itself_is_added_and_said_to(folder: Path, source: Path) -> None:
    source.write_text("average = 51.0\n" + CARD, encoding="utf-8")
    assert own_cards.add(source)[1] == [
        "The row contradicts itself: its average 51.0 is not the mean of its 1 number (50.0)."
    ]


def test_a_malformed_card_stops_only_who_wants_it(folder: Path) -> None:
    path = placed(folder, MALFORMED, "broken")
    placed(folder)
    assert find("tinyllama-3t") is not None
    assert find("mine") is not None
    assert find_repo("EleutherAI/pythia-410m") is not None
    with pytest.raises(EdgevalError, match=r"broken\.toml: titel: Extra inputs"):
        find("broken")
    known, (problem,) = module.own_cards()
    assert list(known) == ["mine"]
    assert problem.startswith(f"{path}: titel: Extra inputs")


def test_a_file_with_the_name_of_a_card_that_ships_is_not_taken_for_it(folder: Path) -> None:
    placed(folder, card_text(name="tinyllama-3t"), "tinyllama-3t")
    with pytest.raises(EdgevalError, match=r"has the name 'tinyllama-3t' already; give yours"):
        find("tinyllama-3t")
    assert len(module.own_cards()[1]) == 1
    assert own_cards.remove("tinyllama-3t") == folder / "tinyllama-3t.toml"
    assert find("tinyllama-3t") == cards()["tinyllama-3t"]


def test_only_ones_own_cards_are_removed(folder: Path) -> None:
    path = placed(folder, MALFORMED)
    assert own_cards.remove("mine") == path
    assert not path.exists()
    with pytest.raises(EdgevalError, match=r"no card 'mine'.*; edgeval models lists them"):
        own_cards.remove("mine")
    with pytest.raises(EdgevalError, match="'demo' ships with edgeval, and only cards of your own"):
        own_cards.remove("demo")


@pytest.mark.parametrize("name", ["../own/mine", "/etc/passwd", "", ".", "a\0b", "x" * 5000])
def test_a_path_is_no_name_of_a_card(folder: Path, name: str) -> None:
    path = placed(folder)
    with pytest.raises(EdgevalError, match="no card"):
        own_cards.remove(name)
    assert find(name) is None
    assert path.exists()


# The commands


def test_cards_are_added_listed_shown_and_removed_by_commands(folder: Path, source: Path) -> None:
    added = edgeval("models", "add", source)
    assert (added.returncode, added.stdout) == (0, f"{folder / 'mine.toml'}\n")
    listed = edgeval("models")
    assert listed.returncode == 0
    rows = [line for line in listed.stdout.splitlines() if line.startswith("│ ")]
    assert rows[-1].split() == [
        "│",
        "mine",
        "│",
        "50.0",
        "│",
        "acc_norm",
        "│",
        "0",
        "│",
        "lm-eval",
        "│",
        "│",
    ]
    assert f"1 card of your own, the last, in {folder}." in listed.stdout
    shown = edgeval("models", "mine")
    assert shown.returncode == 0
    assert shown.stdout == edgeval("models", "show", "me/mine").stdout
    for words in ("Mine", "me/mine at main", "hellaswag: My notes: row 2, column 3"):
        assert words in shown.stdout
    removed = edgeval("models", "remove", "mine")
    assert removed.stdout == f"removed {folder / 'mine.toml'}\n"
    assert "mine" not in edgeval("models").stdout.split()


def test_a_malformed_card_is_a_sentence_below_the_others(folder: Path) -> None:
    path = placed(folder, MALFORMED, "broken")
    placed(folder)
    listed = edgeval("models")
    assert listed.returncode == 1
    assert "tinyllama-3t" in listed.stdout and "│ mine " in listed.stdout
    assert listed.stderr == f"error: {path}: titel: Extra inputs are not permitted; correct it\n"
    as_json = edgeval("models", "--json")
    assert as_json.returncode == 1
    assert '"name": "mine"' in as_json.stdout
    assert edgeval("models", "mine").returncode == 0


def test_json_is_asked_for_behind_the_name() -> None:
    assert '"name": "gpt2"' in edgeval("models", "gpt2", "--json").stdout
    wrong = edgeval("models", "--json", "gpt2")
    assert wrong.returncode == 2
    assert "write it behind the name" in wrong.stderr


def test_an_unknown_card_is_a_sentence() -> None:
    unknown = edgeval("models", "tinylama-3t")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == (
        "error: no card 'tinylama-3t' (did you mean 'tinyllama-3t'?); edgeval models lists them\n"
    )
