from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeval.checkpoints.locate import common_name, fetch_model, locate
from edgeval.checkpoints.ready_files import source_repo
from edgeval.errors import EdgevalError
from edgeval.gguf.parts import read_header
from tests.helpers.edited_ggufs import STRING, edited
from tests.helpers.split_ggufs import split


@pytest.fixture
def folder(tiny_f16: Path, tmp_path: Path) -> Path:
    """A folder as a download leaves it: files, a split one, one in a folder, and no models."""
    home = tmp_path / "ggufs"
    edited(tiny_f16, home / "m-F16.gguf")
    split(tiny_f16, home / "BF16", "m-BF16")
    edited(tiny_f16, home / "mmproj-m.gguf", {"general.type": (STRING, "mmproj")})
    edited(tiny_f16, home / "imatrix.gguf", {"general.type": (STRING, "imatrix")})
    (home / "README.md").write_text("# m", encoding="utf-8")
    return home


def names(location_files: object) -> list[str]:
    return [each.path.name for each in location_files]  # type: ignore[attr-defined]


def test_a_folder_is_its_models_each_once(folder: Path) -> None:
    found = locate(str(folder)).ggufs
    assert names(found) == ["m-BF16-00001-of-00003.gguf", "m-F16.gguf"]


def test_a_folder_with_a_checkpoint_is_that(tiny_checkpoint: Path, tmp_path: Path) -> None:
    home = shutil.copytree(tiny_checkpoint, tmp_path / "both")
    shutil.copy(tiny_checkpoint / "tokenizer.model", home / "m.gguf")
    found = locate(str(home))
    assert (found.path, found.ggufs) == (home, ())


def test_a_pattern_is_what_it_matches(folder: Path) -> None:
    assert names(locate(str(folder / "m-*.gguf")).ggufs) == ["m-F16.gguf"]
    with pytest.raises(EdgevalError, match=r"no .gguf file matches .*x\*.gguf"):
        locate(str(folder / "x*.gguf"))


def test_any_part_names_the_whole(folder: Path) -> None:
    parts = sorted((folder / "BF16").glob("*.gguf"))
    assert {locate(str(part)).path for part in parts} == {parts[0]}
    assert names(locate(*map(str, parts)).ggufs).count(parts[0].name) <= len(parts)


def test_several_have_to_be_ggufs(folder: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(EdgevalError, match="demo is no GGUF, and only GGUFs are compared"):
        locate(str(folder), "demo")
    with pytest.raises(EdgevalError, match="is no GGUF, and only GGUFs are compared"):
        locate(str(folder / "m-F16.gguf"), str(tiny_checkpoint))


def test_several_are_cited_by_what_their_names_share(folder: Path) -> None:
    info = fetch_model(locate(str(folder))).info
    assert (info.name, info.repo, len(info.fingerprint)) == ("m", None, 64)
    assert common_name(["SmolLM2-135M-Q4_K_M", "SmolLM2-135M-Q8_0"]) == "SmolLM2-135M"
    assert common_name(["a", "b"]) == "2 GGUFs"


HUB = "https://huggingface.co/"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, None),
        ({"general.base_model.0.repo_url": HUB + "owner/base"}, "owner/base"),
        # What it was trained from is not what it is.
        (
            {"general.base_model.0.repo_url": HUB + "owner/base", "general.finetune": "Instruct"},
            None,
        ),
        (
            {
                "general.base_model.0.repo_url": HUB + "owner/Base-Instruct",
                "general.finetune": "Instruct",
            },
            "owner/Base-Instruct",
        ),
        (
            {
                "general.source.repo_url": HUB + "owner/it",
                "general.base_model.0.repo_url": HUB + "owner/base",
            },
            "owner/it",
        ),
        ({"general.base_model.0.repo_url": "https://elsewhere.example/owner/base"}, None),
        ({"general.base_model.0.repo_url": HUB + "../../etc"}, None),
        ({"general.base_model.0.repo_url": HUB + "o/" + "x" * 500}, None),
    ],
)
def test_what_files_say_they_are_of(
    keys: dict[str, str], expected: str | None, tiny_f16: Path, tmp_path: Path
) -> None:
    said = {key: (STRING, value) for key, value in keys.items()}
    path = edited(tiny_f16, tmp_path / "m.gguf", said)
    assert source_repo(read_header(path)) == expected
    assert locate(str(path)).base_model == expected
