"""The tokens of a converted tokenizer are those of the library that defines it, text by text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from edgeval import llama
from edgeval.checkpoints.convert.convert import convert
from tests.helpers.forms import checkpoints as checkpoint_forms
from tests.helpers.forms import tokenizers as tokenizers_of_demo
from tests.helpers.texts import make_texts

Encode = Callable[[str], list[int]]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return make_texts()


def _converted(form: str, folder: Path) -> tuple[Path, Path]:
    directory = checkpoint_forms.write(form, folder)
    return directory, convert(directory, folder / f"{form}.gguf")


def assert_same(gguf: Path, encode: Encode, texts: list[str], *, parse_special: bool) -> None:
    with llama.Tokenizer(gguf) as vocabulary:
        different = [
            (text, tokens, expected)
            for text in texts
            if (tokens := vocabulary.tokenize(text, parse_special=parse_special).tolist())
            != (expected := encode(text))
        ]
    assert different == []


def _from_json(path: Path) -> Encode:
    tokenizer = Tokenizer.from_file(str(path))
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("form", ["as-it-is", "no-dummy-prefix"])
def test_sentencepiece(form: str, texts: list[str], tmp_path: Path) -> None:
    directory, gguf = _converted(form, tmp_path)
    model = SentencePieceProcessor(model_proto=(directory / "tokenizer.model").read_bytes())
    assert_same(gguf, model.encode, texts, parse_special=False)


@pytest.mark.parametrize(
    "form",
    [
        "with-tokenizer-json",
        "only-sentencepiece-json",
        "only-sentencepiece-json-added",
        "byte-level",
        "byte-level-pairs",
        "byte-level-without-bos",
    ],
)
def test_tokenizer_json(form: str, texts: list[str], tmp_path: Path) -> None:
    directory, gguf = _converted(form, tmp_path)
    encode = _from_json(directory / "tokenizer.json")
    assert_same(gguf, encode, texts, parse_special=True)


def test_the_real_pieces_of_llama_2(texts: list[str], shared: Path, tmp_path: Path) -> None:
    """As SentencePiece's own file, and as the merges that are made of it."""
    path = shared / "data" / "llama2_tokenizer.model"
    model = SentencePieceProcessor(model_proto=path.read_bytes())
    for name, content in (
        ("tokenizer.model", path.read_bytes()),
        ("tokenizer.json", json.dumps(tokenizers_of_demo.sentencepiece_json(model))),
    ):
        form = checkpoint_forms.demo()
        del form.files["tokenizer.model"]
        form.files[name] = content
        form.resize(model.vocab_size())
        directory = form.write(tmp_path / name)
        gguf = convert(directory, tmp_path / f"{name}.gguf")
        assert_same(gguf, model.encode, texts, parse_special=False)
