from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.tokenizer.tokenizer_json import read_tokenizer_json
from edgeval.checkpoints.tokenizer.vocabulary import Vocabulary
from edgeval.errors import CheckpointError
from tests.helpers.forms import tokenizers as tokenizers_of_demo
from tests.helpers.forms.tokenizers import (
    FIRST_NORMAL,
    added_entry,
    byte_level_json,
    pieces_of,
    sentencepiece_json,
)

NORMAL, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 3, 4, 5, 6


def _read(folder: Path, content: Any, vocab_size: int = 4200) -> Vocabulary:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_tokenizer_json(path, vocab_size)


def test_the_scores_of_merges_are_those_of_sentencepiece(tmp_path: Path) -> None:
    model = tokenizers_of_demo.demo_model()
    found = _read(tmp_path, sentencepiece_json(), model.vocab_size())
    assert found.scores is not None
    # Single characters come after all merges; of those, no score is read.
    merged = [token for token, piece in enumerate(pieces_of(model)) if len(piece) > 1]
    ids = range(FIRST_NORMAL, max(merged) + 1)
    assert len(ids) > 3700
    assert [found.scores[token] for token in ids] == [model.get_score(token) for token in ids]
    assert found.scores[3:FIRST_NORMAL] == [0.0] * 256


def test_tokens_with_a_role_are_control_tokens(tmp_path: Path) -> None:
    names = {"bos_token": "<s>", "eos_token": {"content": "</s>"}}
    lists = {"additional_special_tokens": ["<|im_start|>", 3]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(names | lists), encoding="utf-8")
    more = [added_entry(4096, "<|im_start|>", special=True), added_entry(4098, "[word]")]
    found = _read(tmp_path, sentencepiece_json(added=more), 4100)
    # No role is named after the first, but the library knows it all the same.
    assert found.types[:4] == [CONTROL, CONTROL, CONTROL, BYTE]
    assert found.types[4096:] == [CONTROL, UNUSED, USER_DEFINED, UNUSED]
    assert found.tokens[4096:] == [b"<|im_start|>", b"[PAD4097]", b"[word]", b"[PAD4099]"]


@pytest.mark.parametrize(
    ("normalizer", "pre_tokenizer", "expected"),
    [
        ({"type": "Prepend", "prepend": "\u2581"}, None, None),
        (None, {"type": "Metaspace", "prepend_scheme": "first"}, None),
        (None, {"type": "Metaspace", "prepend_scheme": "never"}, False),
        (None, {"type": "Metaspace", "add_prefix_space": False}, False),
        ({"type": "Sequence", "normalizers": []}, None, False),
    ],
)
def test_whether_a_text_gets_a_space_in_front(
    normalizer: Any, pre_tokenizer: Any, expected: bool | None, tmp_path: Path
) -> None:
    content = sentencepiece_json() | {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}
    assert _read(tmp_path, content).adds_space_prefix is expected


def test_byte_level_tokens_keep_their_letters(tmp_path: Path) -> None:
    content = byte_level_json()
    content["added_tokens"].append(added_entry(4100, "two\u2581words"))
    found = _read(tmp_path, content)
    assert (found.model, found.pre_tokenizer, found.scores) == ("gpt2", "llama-bpe", None)
    assert found.tokens[ord(" ")] == "\u0120".encode()
    first = content["added_tokens"][0]["id"]
    assert found.types[first : first + 3] == [CONTROL] * 3
    assert (found.tokens[4100], found.types[4100]) == (b"two words", USER_DEFINED)
    assert found.merges is not None
    assert found.merges[0].count(" ") == 1


def test_whether_words_are_looked_up_decides_between_two_names(tmp_path: Path) -> None:
    """llama.cpp looks whole words up under one of them only, whether BOS is added or not."""
    for adds_bos in (True, False):
        content = byte_level_json(adds_bos=adds_bos)
        assert _read(tmp_path, content).pre_tokenizer == "llama-bpe"
        content["model"]["ignore_merges"] = False
        assert _read(tmp_path, content).pre_tokenizer == "smaug-bpe"


def _changed(**changes: Any) -> dict[str, Any]:
    content = byte_level_json()
    content["model"] |= changes
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "Input should be"),
        ({"model": {"type": "Unigram", "vocab": [["a", 0]]}}, r"kind Unigram.*convert_hf_to_gguf"),
        ({"model": {"vocab": {}, "merges": []}}, r"model\.vocab"),
        ({"model": {"vocab": {"a": -1}, "merges": []}}, "negative id"),
        ({"model": {"vocab": {"a": 5000}, "merges": []}}, "5,001 pieces and config.json .* 4,200"),
        (_changed(merges=["a bc"]), "merges 'a' and 'bc'"),
        (_changed(merges=["ab"]), "merges 'ab' and ''"),
        (_changed(merges=[["a", "b", "c"]]), r"model\.merges"),
        (byte_level_json() | {"pre_tokenizer": {"type": "Whitespace"}}, "no name for"),
        (byte_level_json() | {"pre_tokenizer": {"type": "None of these"}}, "no usable tokenizer"),
    ],
)
def test_what_cannot_be_converted_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        _read(tmp_path, content)
