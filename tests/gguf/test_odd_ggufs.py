"""GGUFs that cannot be evaluated, and what is no GGUF: every command says what it is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation import pipeline
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.gguf import imatrix_file
from edgeval.gguf.inspect import inspect
from edgeval.gguf.values import ValueType
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.quantize import quantize
from tests.helpers.fuzz.ggufs import small_file
from tests.helpers.gguf_bytes import File

STRING, U32 = int(ValueType.STRING), int(ValueType.UINT32)
DAMAGED = re.compile(r"damaged or (incomplete|not a model)|download (or convert )?it again")

Change = Callable[[File], None]
Use = Callable[[Path, Path], Any]


def _keys(**changes: tuple[int, Any] | None) -> Change:
    def apply(file: File) -> None:
        for name, value in changes.items():
            key = name.replace("__", ".")
            file.metadata.pop(key, None)
            if value is not None:
                file.metadata[key] = value

    return apply


def _of_architecture(name: str) -> Change:
    def apply(file: File) -> None:
        for key in list(file.metadata):
            if key.startswith("llama."):
                file.metadata[name + key.removeprefix("llama")] = file.metadata.pop(key)
        file.metadata["general.architecture"] = (STRING, name)

    return apply


def _without_weights(file: File) -> None:
    file.tensors.clear()


def _adapter(file: File) -> None:
    file.tensors[:] = [
        replace(each, name=f"{each.name}.{end}")
        for each in file.tensors[:2]
        for end in ("lora_a", "lora_b")
    ]


def _same_tokens(file: File) -> None:
    tokens = list(file.metadata["tokenizer.ggml.tokens"][1])
    file.metadata["tokenizer.ggml.tokens"] = (STRING, [*tokens[:-1], tokens[-2]])


NO_MODELS: dict[str, tuple[Change, str]] = {
    "adapter": (_keys(general__type=(STRING, "adapter")), "is an adapter (LoRA)"),
    "untyped adapter": (_keys(adapter__type=(STRING, "lora")), "is an adapter (LoRA)"),
    "adapter by its tensors": (_adapter, "is an adapter (LoRA)"),
    "matrix": (_keys(general__type=(STRING, "imatrix")), "is an importance matrix"),
    "untyped matrix": (_keys(imatrix__chunk_count=(U32, 1)), "is an importance matrix"),
    "control vector": (_keys(general__architecture=(STRING, "controlvector")), "a control vector"),
    "tokenizer": (_without_weights, "is a vocabulary without weights"),
    "no architecture": (_keys(general__architecture=None), "does not say its architecture"),
}
NOT_RUN: dict[str, tuple[Change, str]] = {
    "mmproj": (_keys(general__type=(STRING, "mmproj")), "reads images or audio (mmproj)"),
    "clip": (_of_architecture("clip"), "reads images or audio (mmproj)"),
}
UNKNOWN: dict[str, tuple[Change, str]] = {
    "newer architecture": (
        _of_architecture("llama9"),
        "of the architecture 'llama9', which the llama.cpp of llama-cpp-python",
    ),
    "images": (_of_architecture("flux"), "a model of images or video"),
    "speech": (_of_architecture("whisper"), "a model of speech"),
    "architecture that is no text": (
        _keys(general__architecture=(STRING, "a\x1b[2J")),
        r"'a\\x1b[2J'",
    ),
}
UNKNOWN_TOKENIZERS: dict[str, tuple[Change, str]] = {
    "pre-tokenizer": (
        _keys(
            tokenizer__ggml__model=(STRING, "gpt2"),
            tokenizer__ggml__pre=(STRING, "llama-bpf"),
            tokenizer__ggml__merges=(STRING, ["a b"]),
        ),
        "has no pre-tokenizer 'llama-bpf' (did you mean 'llama-bpe'?); update llama-cpp-python",
    ),
    "tokenizer": (
        _keys(tokenizer__ggml__model=(STRING, "tiktoken9")),
        "has a tokenizer of the kind 'tiktoken9', which the llama.cpp of",
    ),
}


def _write(path: Path, change: Change | None = None) -> Path:
    file = small_file(n_layers=1)
    if change is not None:
        change(file)
    path.write_bytes(file.encoded())
    return path


def _eval(path: Path, data: Path) -> None:
    evaluate([path], _options(data))


def _run(path: Path, data: Path) -> None:
    pipeline.run(str(path), _options(data), types=["F32"], out=data.with_name("report"))


def _options(data: Path) -> Options:
    return Options(data=data, store=data.with_name("store.db"), check=False, kernels="plain")


def _quantize(path: Path, data: Path) -> None:
    quantize(path, ["Q8_0"], data.with_name("made"))


def _imatrix(path: Path, data: Path) -> None:
    imatrix(path, data, data.with_name("made.gguf"))


def _inspect(path: Path, data: Path) -> None:
    inspect(path)


EVALUATING: dict[str, Use] = {"eval": _eval, "run": _run, "imatrix": _imatrix}
LOADING = EVALUATING | {"quantize": _quantize}
READING = LOADING | {"inspect": _inspect}


def refusal(use: Use, path: Path, data: Path) -> str:
    with pytest.raises(EdgevalError) as caught:
        use(path, data)
    said = str(caught.value)
    assert said.isprintable()
    assert str(path) in said
    for name in ("report", "made", "made.gguf"):
        assert not data.with_name(name).exists()
    return said


def assert_named(use: Use, path: Path, data: Path, words: str) -> None:
    """Assert that a file is refused for what it is, and not called damaged."""
    said = refusal(use, path, data)
    assert words in said
    assert not DAMAGED.search(said)


@pytest.fixture
def data(tiny_items: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_items, tmp_path / "items.jsonl"))


@pytest.mark.parametrize("command", LOADING)
@pytest.mark.parametrize(("change", "words"), NO_MODELS.values(), ids=NO_MODELS.keys())
def test_what_is_no_model_is_named(
    change: Change, words: str, command: str, data: Path, tmp_path: Path
) -> None:
    assert_named(LOADING[command], _write(tmp_path / "odd.gguf", change), data, words)


@pytest.mark.parametrize("command", EVALUATING)
@pytest.mark.parametrize(("change", "words"), NOT_RUN.values(), ids=NOT_RUN.keys())
def test_a_part_of_a_model_is_named(
    change: Change, words: str, command: str, data: Path, tmp_path: Path
) -> None:
    assert_named(EVALUATING[command], _write(tmp_path / "odd.gguf", change), data, words)


@pytest.mark.parametrize("command", LOADING)
@pytest.mark.parametrize(("change", "words"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_architecture_that_llama_cpp_does_not_know_is_newer_or_of_another_program(
    change: Change, words: str, command: str, data: Path, tmp_path: Path
) -> None:
    assert_named(LOADING[command], _write(tmp_path / "odd.gguf", change), data, words)


@pytest.mark.parametrize("command", EVALUATING)
@pytest.mark.parametrize(
    ("change", "words"), UNKNOWN_TOKENIZERS.values(), ids=UNKNOWN_TOKENIZERS.keys()
)
def test_a_tokenizer_that_llama_cpp_does_not_know_is_named(
    change: Change, words: str, command: str, data: Path, tmp_path: Path
) -> None:
    assert_named(EVALUATING[command], _write(tmp_path / "odd.gguf", change), data, words)


def test_everything_odd_is_inspected(tmp_path: Path) -> None:
    odd = {**NO_MODELS, **NOT_RUN, **UNKNOWN, **UNKNOWN_TOKENIZERS}
    for change, _ in odd.values():
        assert inspect(_write(tmp_path / "odd.gguf", change)).gguf_version == 3


TYPES = {
    99: "of the type 99, which the llama.cpp of llama-cpp-python",
    144: "it was made for a newer one, or for a fork (as ik_llama.cpp)",
    31: "of the type Q4_0_4_4, which llama.cpp has not read since December 2024",
    38: "of the type IQ4_NL_8_8, which llama.cpp has not read since",
    5: "of the type Q4_3, which llama.cpp has not read since May 2023",
}


def _bytes_of(number: int) -> bytes:
    """Return a GGUF whose first matrix is of a type."""
    content = bytearray(small_file(n_layers=1).encoded())
    name = b"blk.0.attn_q.weight"
    at = content.index(name) + len(name)
    at += 4 + 8 * int.from_bytes(content[at : at + 4], "little")
    content[at : at + 4] = number.to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("number", TYPES)
def test_a_type_that_llama_cpp_does_not_have(
    number: int, command: str, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(_bytes_of(number))
    said = refusal(READING[command], path, data)
    assert f"has the tensor blk.0.attn_q.weight {TYPES[number]}" in said or TYPES[number] in said
    assert not DAMAGED.search(said)


SAFETENSORS = (2).to_bytes(8, "little") + b"{}"
OTHERS: dict[str, tuple[bytes, str]] = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "Xet pointer": (b"# xet version 0\nfilesize = 1\n", "a pointer of Git Xet"),
    "page": (b"\n<!doctype HTML><html>", "a web page"),
    "answer": (b"<?xml version='1.0'?><Error>", "an XML document"),
    "zip": (b"PK\3\4" + bytes(500), "a ZIP archive"),
    "checkpoint": (b"PK\3\4" + bytes(26) + b"archive/data.pkl", "a file of PyTorch"),
    "gzip": (b"\x1f\x8b\x08" + bytes(500), "compressed with gzip"),
    "Zstandard": (b"\x28\xb5\x2f\xfd" + bytes(500), "compressed with Zstandard"),
    "xz": (b"\xfd7zXZ\0" + bytes(500), "compressed with xz"),
    "tar": (bytes(257) + b"ustar\x0000", "a tar archive"),
    "safetensors": (SAFETENSORS, "a file of weights of a checkpoint (safetensors)"),
    "GGJT": (b"tjgg\3\0\0\0" + bytes(500), "a GGJT file, as llama.cpp before GGUF has it"),
    "GGML": (b"lmgg" + bytes(500), "a GGML file, as whisper.cpp"),
    "JSON": (b'{"error": "not found"}', "is JSON"),
    "version 1": (b"GGUF\1\0\0\0" + bytes(500), "a GGUF of version 1"),
    "version 4": (b"GGUF\4\0\0\0" + bytes(500), "made for a newer llama.cpp"),
    "big-endian": (b"GGUF\0\0\0\3" + bytes(500), "a big-endian GGUF"),
    "swapped": (b"FUGG" + bytes(500), "a GGUF whose bytes are swapped"),
}


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize(("content", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_gguf_is_named(
    content: bytes, words: str, command: str, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(content)
    said = refusal(READING[command], path, data)
    assert words in said
    assert not re.search("damaged", said)


@pytest.mark.parametrize("command", [name for name in READING if name != "run"])
def test_what_is_no_file_is_named(command: str, data: Path, tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe.gguf"
    folder.mkdir()
    os.mkfifo(pipe)
    assert "is a folder, not a GGUF; check the path" in refusal(READING[command], folder, data)
    (folder / "some.gguf").touch()
    assert "name a file in it, for example some.gguf" in refusal(READING[command], folder, data)
    (folder / "config.json").write_text("{}")
    assert "convert that checkpoint first" in refusal(READING[command], folder, data)
    assert "it is a pipe, not a regular file" in refusal(READING[command], pipe, data)
    assert "no GGUF file at" in refusal(READING[command], tmp_path / "none.gguf", data)


def test_a_gguf_of_any_name_is_read(tmp_path: Path) -> None:
    assert inspect(_write(tmp_path / "pytorch_model.bin")).architecture == "llama"


def test_tokens_of_one_text_are_named(data: Path, tmp_path: Path) -> None:
    said = refusal(_eval, _write(tmp_path / "odd.gguf", _same_tokens), data)
    assert "1 tokens of its vocabulary are there twice ('abc' is)" in said
    assert not DAMAGED.search(said)


def test_a_name_longer_than_llama_cpp_reads(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    writer = gguf.GGUFWriter(path, "sd")
    writer.add_tensor("model.diffusion_model." + "a" * 60, np.zeros((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    said = refusal(_eval, path, data)
    assert "was made for another program than llama.cpp: a tensor's name has 82 bytes" in said


@pytest.mark.parametrize(("content", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_importance_matrix_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "imatrix.dat"
    path.write_bytes(content)
    with pytest.raises(EdgevalError, match=re.escape(words)):
        imatrix_file.read(path)


def test_a_model_is_no_importance_matrix(tmp_path: Path) -> None:
    path = _write(tmp_path / "model.gguf")
    with pytest.raises(EdgevalError, match=r"is a GGUF without imatrix\.datasets: a model"):
        imatrix_file.read(path)
    with pytest.raises(EdgevalError, match="it is a directory, not a regular file"):
        imatrix_file.read(tmp_path)
