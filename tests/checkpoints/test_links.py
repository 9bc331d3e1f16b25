"""A link in a checkpoint takes no other file of the reader's along."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.locate import locate
from edgeval.errors import CheckpointError
from edgeval.gguf.parts import read_header
from edgeval.hub.checkpoint_files import SMALL_FILES
from tests.helpers.fuzz.checkpoints import small_checkpoint

SECRET = "the key of somebody"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("links") / "whole", "sentencepiece")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "secret.txt"
    path.parent.mkdir()
    path.write_text(SECRET)
    return path


def template_of(directory: Path) -> object:
    made = convert(directory, directory.with_name("out.gguf"))
    return read_header(made).metadata.get("tokenizer.chat_template")


@pytest.mark.parametrize("name", [*SMALL_FILES, "additional_chat_templates/x.jinja"])
@pytest.mark.parametrize("is_relative", [True, False])
def test_text_from_elsewhere_is_refused(
    name: str, is_relative: bool, copy: Path, secret: Path
) -> None:
    link = copy / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    up = Path(*[".."] * (1 + name.count("/")))
    link.symlink_to(up / secret.relative_to(copy.parent) if is_relative else secret)
    assert link.read_text() == SECRET
    for use in (Checkpoint, lambda path: convert(path, copy.with_name("out.gguf"))):
        with pytest.raises(CheckpointError, match=r"is a link out of the checkpoint, to .*secret"):
            use(copy)
    with pytest.raises(CheckpointError, match="put the file itself there"):
        locate(str(copy))
    assert not copy.with_name("out.gguf").exists()


def test_a_card_from_elsewhere_is_left_out(copy: Path, secret: Path) -> None:
    secret.write_text(f"---\nauthor: {SECRET}\n---\n")
    (copy / "README.md").unlink()
    (copy / "README.md").symlink_to(secret)
    made = convert(copy, copy.with_name("out.gguf"))
    assert SECRET.encode() not in made.read_bytes()
    (copy / "README.md").unlink()
    shutil.copy(secret, copy / "README.md")
    again = convert(copy, copy.with_name("again.gguf"))
    assert read_header(again).metadata["general.author"] == SECRET


def test_links_within_the_folder_are_followed(copy: Path) -> None:
    (copy / "templates").mkdir()
    (copy / "templates" / "a.jinja").write_text("{{ messages }}")
    (copy / "chat_template.json").unlink()
    (copy / "chat_template.jinja").symlink_to("templates/a.jinja")
    assert template_of(copy) == "{{ messages }}"


@pytest.mark.parametrize("is_named_by_a_link", [True, False])
def test_a_cache_of_the_hub_is_links(whole: Path, tmp_path: Path, is_named_by_a_link: bool) -> None:
    repository = tmp_path / "models--some--one"
    snapshot, blobs = repository / "snapshots" / ("0" * 40), repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for index, path in enumerate(sorted(whole.iterdir())):
        shutil.copy(path, blobs / f"{index:064}")
        (snapshot / path.name).symlink_to(Path("../../blobs") / f"{index:064}")
    named = snapshot
    if is_named_by_a_link:
        named = tmp_path / "named"
        named.symlink_to(snapshot)
    assert template_of(named) == "x"
    other = tmp_path / "models--some--other" / "blobs" / ("1" * 64)
    other.parent.mkdir(parents=True)
    other.write_text(SECRET)
    (snapshot / "chat_template.jinja").symlink_to(other)
    with pytest.raises(CheckpointError, match="is a link out of the checkpoint"):
        Checkpoint(named)


def test_weights_may_be_on_another_disk(copy: Path, tmp_path: Path) -> None:
    moved = tmp_path / "disk" / "model.safetensors"
    moved.parent.mkdir()
    (copy / "model.safetensors").rename(moved)
    (copy / "model.safetensors").symlink_to(moved)
    assert template_of(copy) == "x"


def test_a_link_to_itself_is_a_sentence(copy: Path) -> None:
    (copy / "chat_template.jinja").symlink_to("chat_template.jinja")
    with pytest.raises(CheckpointError):
        Checkpoint(copy)
