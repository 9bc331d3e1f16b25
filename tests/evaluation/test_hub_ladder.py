"""Ladders of a hub repository's GGUFs, with the real client and a small hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.options import Options
from edgeval.quantization.quantize import quantize
from edgeval.records import Report
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.edited_ggufs import STRING, edited
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User
from tests.helpers.split_ggufs import split

REPO = "tiny/llama-GGUF"
CLAIMED = "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"


@pytest.fixture(scope="session")
def published(tiny_f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, folder = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("published")
    edited(tiny_f16, made / "tiny-F16.gguf")
    quantize(made / "tiny-F16.gguf", ["Q8_0", "Q2_K"])
    (made / "tiny-F16.gguf").rename(folder / "tiny-F16.gguf")
    (made / "tiny-Q2_K.gguf").rename(folder / "tiny-UD-Q2_K_XL.gguf")
    split(made / "tiny-Q8_0.gguf", folder / "Q8_0", "tiny-Q8_0")
    edited(tiny_f16, folder / "mmproj-F16.gguf", {"general.type": (STRING, "mmproj")})
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[HubServer]:
    with HubServer(published, REPO, lfs=(".gguf",)) as server:
        server.info = {"cardData": {"base_model": CLAIMED}}
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer) -> Iterator[User]:
    found = User(tmp_path / "home", hub)
    with found.at_home():
        yield found


def run(model: str, out: Path, items: Path, **more: Any) -> Report:
    return pipeline.run(model, Options(data=items, limit=8, kl_items=2), out=out, **more).report


def fetched(user: User) -> set[str]:
    return {path.name for path in user.home.rglob("*.gguf")}


def test_what_is_there_is_listed_and_nothing_is_taken_unasked(
    user: User, tiny_items: Path, tmp_path: Path
) -> None:
    done = edgeval("run", REPO, "--data", tiny_items, "--out", tmp_path / "o")
    assert_one_sentence(done, [f"{REPO} has 3 GGUFs: ", "Q8_0 (", "UD-Q2_K_XL (", "--quant all"])
    assert fetched(user) == set()


def test_named_files_are_a_ladder_and_stay_in_the_hubs_cache(
    user: User, tiny_items: Path, tmp_path: Path
) -> None:
    record = run(REPO, tmp_path / "o", tiny_items, types=["q8_0", "Q2_K_XL"])
    assert [each.label for each in record.runs] == ["Q8_0", "Q2_K"]
    assert (record.model.repo, record.model.revision) == (REPO, user.hub.commit)
    assert record.base_model == CLAIMED
    # The claim of the model that the card names brings its protocol.
    assert record.protocol.name == "lm-eval"
    assert record.verdicts[0].protocol_match == "proxy"
    assert fetched(user) == {f"tiny-Q8_0-0000{part}-of-00003.gguf" for part in (1, 2, 3)} | {
        "tiny-UD-Q2_K_XL.gguf"
    }
    page = (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
    assert f"--reference names an F16 or BF16 file, or {CLAIMED}" in page


def test_all_is_the_whole_ladder(user: User, tiny_items: Path, tmp_path: Path) -> None:
    record = run(REPO, tmp_path / "o", tiny_items, types=["all"])
    assert [each.label for each in record.runs] == ["F16", "Q8_0", "Q2_K"]


def test_one_is_named_behind_a_colon_and_another_is_its_reference(
    user: User, tiny_items: Path, tmp_path: Path
) -> None:
    record = run(f"{REPO}:Q2_K_XL", tmp_path / "o", tiny_items, reference=f"{REPO}:F16")
    assert [each.label for each in record.runs] == ["F16", "Q2_K"]
    assert record.drift[0].reference == "F16"


def test_ggufs_of_the_hub_and_of_the_disk_are_one_ladder(
    user: User, published: Path, tiny_items: Path, tmp_path: Path
) -> None:
    models = [str(published / "tiny-F16.gguf"), f"{REPO}:Q8_0"]
    found = pipeline.run(models, Options(data=tiny_items, limit=8), out=tmp_path / "o").report
    assert [each.label for each in found.runs] == ["F16", "Q8_0"]
    assert found.model.repo is None


def test_offline_what_was_fetched_is_enough(user: User, tiny_items: Path, tmp_path: Path) -> None:
    run(f"{REPO}:Q2_K_XL", tmp_path / "a", tiny_items)
    options = Options(data=tiny_items, limit=8, kl_items=2, offline=True)
    record = pipeline.run(f"{REPO}:Q2_K_XL", options, out=tmp_path / "b").report
    assert [each.label for each in record.runs] == ["Q2_K"]
    with pytest.raises(EdgevalError, match="F16"):
        pipeline.run(f"{REPO}:F16", options, out=tmp_path / "c")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (f"{REPO}:Q4_K_M", "has no GGUF 'Q4_K_M'"),
        ("tiny/nothing", "has no model tiny/nothing"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    model: str, words: str, user: User, tiny_items: Path, tmp_path: Path
) -> None:
    done = edgeval("run", model, "--data", tiny_items, "--out", tmp_path / "o")
    assert_one_sentence(done, [words])
    assert not (tmp_path / "o").exists()
