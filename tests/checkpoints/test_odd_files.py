"""Files of a checkpoint that are something else than their names say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import CheckpointError
from edgeval.gguf.parts import read_header
from tests.helpers.fuzz.checkpoints import small_checkpoint
from tests.helpers.odd_checkpoints import WEIGHTS, refusal


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("odd") / "whole", "sentencepiece")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def configure(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


HOLDINGS: dict[str, tuple[str, str]] = {
    "adapter": ("adapter_model.safetensors", "holds an adapter.*merge_and_unload"),
    "GGUF": ("some-Q4_K_M.gguf", r"holds a GGUF \(some-Q4_K_M.gguf\); name that file"),
    "Meta": ("consolidated.00.pth", "in Meta's own layout"),
    "TensorFlow": ("tf_model.h5", "weights of TensorFlow"),
    "JAX": ("flax_model.msgpack", "weights of JAX"),
    "variant": ("model.fp16.safetensors", "under another name"),
    "ONNX": ("model.onnx", "a model in ONNX"),
    "nothing": ("notes.txt", "has no weights"),
}


@pytest.mark.parametrize(("name", "words"), HOLDINGS.values(), ids=HOLDINGS.keys())
def test_a_folder_without_weights_is_told_what_it_holds(name: str, words: str, copy: Path) -> None:
    (copy / WEIGHTS).rename(copy / name)
    with pytest.raises(CheckpointError, match=words):
        Checkpoint(copy).weight_files()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
PRETENDERS: dict[str, tuple[bytes, str]] = {
    "pointer": (POINTER, "a pointer of Git LFS"),
    "web page": (b"<!DOCTYPE html><html>", "a web page"),
    "GGUF": (b"GGUF\3\0\0\0" + bytes(20), "a GGUF"),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "compressed with gzip"),
}


@pytest.mark.parametrize(("content", "what"), PRETENDERS.values(), ids=PRETENDERS.keys())
@pytest.mark.parametrize(
    "name", [WEIGHTS, "pytorch_model.bin", "tokenizer.model", "config.json", "tokenizer.json"]
)
def test_a_file_of_another_kind_is_named(content: bytes, what: str, name: str, copy: Path) -> None:
    if name == "pytorch_model.bin":
        (copy / WEIGHTS).unlink()
    (copy / name).write_bytes(content)
    said = refusal(copy)
    assert f"{copy / name} is" in said
    assert what in said
    assert not any(words in said for words in ("damaged", "download it again; "))


ODD_JSON: dict[str, tuple[bytes, str]] = {
    "digits": (b'{"vocab_size": ' + b"9" * 5_000 + b"}", "an integer of 5,000 digits"),
    "depth": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nested"),
    "pair": (b'{"model_type": "\\ud800"}', "half of a surrogate pair"),
    "empty": (b"", "it is empty"),
    "NUL": (b"\0\0", "NUL bytes"),
}


@pytest.mark.parametrize(("content", "what"), ODD_JSON.values(), ids=ODD_JSON.keys())
@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer_config.json", "generation_config.json", "added_tokens.json"]
)
def test_odd_json_is_a_sentence(content: bytes, what: str, name: str, copy: Path) -> None:
    (copy / name).write_bytes(content)
    assert what in refusal(copy)


def test_null_values_are_named(copy: Path) -> None:
    configure(copy, rms_norm_eps=None)
    assert "rms_norm_eps is null, and the model has to have one" in refusal(copy)
    configure(copy, rms_norm_eps=1e-5, pad_token_id=-1, tie_word_embeddings=None)
    assert convert(copy, copy / "out.gguf").is_file()


def test_two_tokens_of_one_text_are_refused(copy: Path) -> None:
    (copy / "added_tokens.json").write_text(json.dumps({"</s>": 590}))
    said = refusal(copy)
    assert "has '</s>' twice, as 2 and as 590" in said
    assert "take one of them out of added_tokens.json" in said


def test_a_row_that_no_token_has_gets_a_name_that_no_token_has(copy: Path, tmp_path: Path) -> None:
    (copy / "added_tokens.json").write_text(json.dumps({"[PAD599]": 590}))
    header = read_header(convert(copy, tmp_path / "out.gguf"))
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert (tokens[590], tokens[598], tokens[599]) == ("[PAD599]", "[PAD598]", "[PAD599]_")
