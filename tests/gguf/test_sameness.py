from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.gguf.parts import read_header
from edgeval.gguf.sameness import differences, names_differ
from edgeval.quantization.quantize import quantize
from tests.helpers.edited_ggufs import BOOL, STRING, U32, edited
from tests.helpers.gguf_bytes import File
from tests.helpers.tiny import make_checkpoint


def test_types_of_one_model_do_not_differ(tiny_f16: Path, tiny_f32: Path, tmp_path: Path) -> None:
    header = read_header(tiny_f16)
    for path in (tiny_f32, *quantize(tiny_f16, ["Q8_0", "Q2_K"], out_dir=tmp_path)):
        assert differences(header, read_header(path)) == []


def test_another_training_of_the_same_shape_is_seen_in_the_norms(
    tiny_f16: Path, tmp_path: Path
) -> None:
    other = convert(make_checkpoint(tmp_path / "other", seed=1), tmp_path / "other.gguf")
    (found,) = differences(read_header(tiny_f16), read_header(other))
    assert "other weights in its norms" in found


TOKENS = "tokenizer.ggml.tokens"


def without_last_tensor(file: File) -> None:
    file.tensors.pop()


def with_another_token(file: File) -> None:
    kind, tokens = file.metadata[TOKENS]
    file.metadata[TOKENS] = (kind, [*tokens[:-1], "other"])


def with_a_longer_norm(file: File) -> None:
    norm = next(each for each in file.tensors if each.name == "output_norm.weight")
    norm.shape, norm.data = (norm.shape[0] * 2,), norm.data * 2


@pytest.mark.parametrize(
    ("keys", "change", "words"),
    [
        ({"llama.block_count": (U32, 3)}, None, "has block count 3, not 2"),
        ({"general.architecture": (STRING, "qwen2")}, None, "has architecture qwen2, not llama"),
        ({"tokenizer.ggml.bos_token_id": (U32, 7)}, None, "bos_token_id is 7, not 1"),
        ({"tokenizer.ggml.add_bos_token": (BOOL, False)}, None, "add_bos_token is False, not True"),
        ({"tokenizer.ggml.model": (STRING, "gpt2")}, None, "tokenizer.ggml.model is gpt2, not"),
        ({}, with_another_token, "tokenizer.ggml.tokens is another list of"),
        ({}, without_last_tensor, "lacks the tensor"),
        ({}, with_a_longer_norm, "output_norm.weight of shape"),
    ],
)
def test_other_models_are_named_by_what_differs(
    keys: dict[str, Any],
    change: Callable[[File], None] | None,
    words: str,
    tiny_f16: Path,
    tmp_path: Path,
) -> None:
    other = read_header(edited(tiny_f16, tmp_path / "other.gguf", keys, change))
    assert any(words in clause for clause in differences(read_header(tiny_f16), other))


@pytest.mark.parametrize(
    "keys",
    [
        {"tokenizer.ggml.padding_token_id": (U32, 5)},
        {"tokenizer.ggml.eot_token_id": (U32, 5)},
        {"tokenizer.ggml.eos_token_id": (U32, 5)},
        {"tokenizer.chat_template": (STRING, "{{ x }}")},
        {"general.name": (STRING, "Another name")},
        {"quantize.imatrix.file": (STRING, "imatrix.dat")},
    ],
)
def test_what_publishers_correct_is_no_difference(
    keys: dict[str, Any], tiny_f16: Path, tmp_path: Path
) -> None:
    other = read_header(edited(tiny_f16, tmp_path / "other.gguf", keys))
    assert differences(read_header(tiny_f16), other) == []


def test_the_end_token_counts_where_texts_get_it(tiny_f16: Path, tmp_path: Path) -> None:
    ends = {"tokenizer.ggml.add_eos_token": (BOOL, True)}
    one = edited(tiny_f16, tmp_path / "one.gguf", ends)
    other = edited(
        tiny_f16, tmp_path / "other.gguf", ends | {"tokenizer.ggml.eos_token_id": (U32, 5)}
    )
    assert "eos_token_id is 5" in differences(read_header(one), read_header(other))[0]


def test_names_are_a_hint_that_cannot_do_harm(tiny_f16: Path, tmp_path: Path) -> None:
    name = "\x1b[31m" + "x" * 500
    other = edited(tiny_f16, tmp_path / "other.gguf", {"general.name": (STRING, name)})
    hint = names_differ(read_header(tiny_f16), read_header(other))
    assert "it calls itself" in hint
    assert "\x1b" not in hint
    assert len(hint) < 300
    assert names_differ(read_header(tiny_f16), read_header(tiny_f16)) == ""


def test_lists_are_compared_by_what_they_hold(tiny_f16: Path, tmp_path: Path) -> None:
    def longer(file: File) -> None:
        kind, scores = file.metadata["tokenizer.ggml.scores"]
        file.metadata["tokenizer.ggml.scores"] = (
            kind,
            np.append(scores[:-1], scores.dtype.type(9.5)),
        )

    other = edited(tiny_f16, tmp_path / "other.gguf", change=longer)
    assert "scores" in differences(read_header(tiny_f16), read_header(other))[0]
