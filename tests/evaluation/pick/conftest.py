"""Eight GGUFs of the demo in a repository, whose drift is real, and what a run says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.checkpoints.cards import cards_folder
from edgeval.checkpoints.convert.convert import convert
from edgeval.evaluation import pipeline
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User
from tests.helpers.picks import N_ITEMS, REPO, TYPES, options


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    f16 = convert(cards_folder() / "demo", folder / "demo-F16.gguf", "f16")
    quantize(f16, TYPES[1:])
    return folder


@pytest.fixture(scope="session")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = (cards_folder() / "demo" / "items.jsonl").read_text("utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    path.write_text("".join(lines[:N_ITEMS]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has the scores of all files: picks that share it decode nothing."""
    return tmp_path_factory.mktemp("scores") / "scores.db"


@pytest.fixture(scope="session")
def whole(
    published: Path, items: Path, scores: Path, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    """All files on all items."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return pipeline.run(published, options(items, scores), out=out).report


@pytest.fixture
def hub(published: Path) -> Iterator[HubServer]:
    with HubServer(published, REPO, lfs=(".gguf",)) as server:
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer) -> Iterator[User]:
    found = User(tmp_path / "home", hub)
    with found.at_home():
        yield found
