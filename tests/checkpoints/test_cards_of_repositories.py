"""Repositories of the hub that have a card: its numbers are judged, and what it says is heeded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.checkpoints.cards import cards
from edgeval.checkpoints.locate import ask_hub, locate
from edgeval.errors import EdgevalError
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User
from tests.helpers.own_cards import card_text

REPO = "HuggingFaceTB/SmolLM2-135M"


@pytest.fixture
def hub(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(tiny_checkpoint, REPO) as server, User(tmp_path / "home", server).at_home():
        yield server


def test_a_checkpoint_of_the_hub_has_the_card_of_its_repository(hub: HubServer) -> None:
    found = ask_hub(locate(REPO))
    assert found.card == cards()["smollm2-135m"]
    assert found.repo == REPO


def test_another_revision_is_not_the_cards(hub: HubServer) -> None:
    hub.revisions.add("v1")
    assert ask_hub(locate(f"{REPO}@v1")).card is None


def test_a_card_of_ones_own_goes_before(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEVAL_CARDS", str(tmp_path))
    (tmp_path / "mine.toml").write_text(card_text(repo=REPO), encoding="utf-8")
    found = ask_hub(locate(REPO)).card
    assert found is not None and found.name == "mine"


def test_what_cannot_be_converted_is_refused_before_its_weights_are_downloaded(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    repo = "EleutherAI/pythia-410m"
    with (
        HubServer(tiny_checkpoint, repo) as hub,
        User(tmp_path / "home", hub).at_home(),
        pytest.raises(EdgevalError, match=r"Pythia 410M is no Llama model.*--card pythia-410m"),
    ):
        ask_hub(locate(repo))
    assert not any("resolve" in path for path in hub.paths())
