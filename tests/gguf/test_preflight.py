from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval import llama
from edgeval.errors import EngineError, GgufError
from edgeval.gguf.preflight import require_safe
from edgeval.gguf.types import TensorType
from edgeval.gguf.values import ValueType
from tests.helpers.fuzz.ggufs import feed, small_file
from tests.helpers.gguf_bytes import Entry, File
from tests.helpers.split_ggufs import split

U16, U32, F32, STRING = (
    int(kind) for kind in (ValueType.UINT16, ValueType.UINT32, ValueType.FLOAT32, ValueType.STRING)
)
TOKENS = "tokenizer.ggml.tokens"
TOO_MANY = 513


def with_keys(**values: tuple[int, Any]) -> Callable[[File], None]:
    """Return a change of a Llama's keys; two underscores stand for a dot."""

    def change(file: File) -> None:
        file.metadata |= {f"llama.{key.replace('__', '.')}": value for key, value in values.items()}

    return change


def with_tensor(name: str, kind: Any, n_bytes: int) -> Callable[[File], None]:
    def change(file: File) -> None:
        for index, each in enumerate(file.tensors):
            if each.name == name:
                file.tensors[index] = replace(each, type=int(kind), data=bytes(n_bytes))

    return change


def with_head_of(keys: int, values: int) -> Callable[[File], None]:
    """Return a change of the size of a head, in the keys and in the tensors."""
    sizes = {"attn_q": 4 * keys, "attn_k": 2 * keys, "attn_v": 2 * values}

    def change(file: File) -> None:
        with_keys(attention__key_length=(U32, keys), attention__value_length=(U32, values))(file)
        with_keys(rope__dimension_count=(U32, keys))(file)
        for index, each in enumerate(file.tensors):
            part = str(each.name).split(".")[-2]
            shape = (64, sizes[part]) if part in sizes else each.shape
            shape = (4 * keys, 64) if part == "attn_output" else shape
            n_bytes = 4 * int(np.prod(shape))
            file.tensors[index] = replace(
                each, shape=shape, data=each.data[:n_bytes].ljust(n_bytes)
            )

    return change


def same_token(file: File) -> None:
    tokens = list(file.metadata[TOKENS][1])
    tokens[-1] = tokens[-2] + "\0and more"
    file.metadata[TOKENS] = STRING, tokens


def word_pieces(file: File) -> None:
    file.metadata["tokenizer.ggml.model"] = STRING, "bert"


def three_heads_share_two(file: File) -> None:
    with_keys(attention__head_count=(U32, 3), attention__key_length=(U32, 16))(file)
    with_keys(attention__value_length=(U32, 16))(file)
    for index, each in enumerate(file.tensors):
        part = str(each.name).split(".")[-2]
        shape = {"attn_q": (64, 48), "attn_output": (48, 64)}.get(part, each.shape)
        file.tensors[index] = replace(each, shape=shape, data=each.data[: 4 * int(np.prod(shape))])


FATAL: dict[str, tuple[Callable[[File], None], str]] = {
    "no layers": (with_keys(block_count=(U32, 0)), "it says that it has 0 layers"),
    "too many layers": (with_keys(block_count=(U32, TOO_MANY)), "has 513 layers"),
    "predicting layers": (with_keys(nextn_predict_layers=(U32, 3)), "3 of 2 layers predict"),
    "negative epsilon": (
        with_keys(attention__layer_norm_rms_epsilon=(F32, -1.0)),
        "layer_norm_rms_epsilon is -1.0",
    ),
    "epsilon that is no number": (
        with_keys(attention__layer_norm_rms_epsilon=(F32, float("nan"))),
        "layer_norm_rms_epsilon is nan",
    ),
    "rope scaling": (with_keys(rope__scaling__type=(STRING, "y\n")), r"scaling.type is 'y\\n'"),
    "unused experts": (with_keys(expert_count=(U32, 2)), "uses 0 of 2 experts"),
    "absent experts": (with_keys(expert_used_count=(U32, 2)), "uses 2 of 0 experts"),
    "negative experts": (
        with_keys(expert_used_count=(int(ValueType.INT32), [0, -1])),
        "uses 4,294,967,295 of 0 experts",
    ),
    "too many experts": (
        with_keys(expert_count=(U32, 1025), expert_used_count=(U32, 1)),
        "uses 1 of 1,025 experts",
    ),
    "groups without experts": (with_keys(expert_group_count=(U32, 1)), "0 of 1 groups of 0"),
    "uneven groups": (
        with_keys(
            expert_count=(U32, 8),
            expert_used_count=(U32, 1),
            expert_group_count=(U32, 3),
            expert_group_used_count=(U32, 1),
        ),
        "uses 1 of 3 groups of 8 experts",
    ),
    "heads that do not divide": (three_heads_share_two, "3 attention heads for 2 of keys"),
    "other values than keys": (
        with_head_of(16, 32),
        "have 16 keys, 16 of them rotated, and 32 values",
    ),
    "odd heads": (with_head_of(15, 15), "have 15 keys, 15 of them rotated"),
    "half of a head rotated": (
        with_keys(rope__dimension_count=(U32, 8)),
        "have 16 keys, 8 of them rotated, and 16 values",
    ),
    "a token twice": (same_token, "1 tokens of its vocabulary are there twice"),
    "bytes of WordPiece": (word_pieces, "a WordPiece vocabulary has byte tokens"),
    "F16 norm": (
        with_tensor("blk.0.ffn_norm.weight", TensorType(1), 128),
        "blk.0.ffn_norm.weight is F16, and a vector has to be F32",
    ),
    "I32 matrix": (
        with_tensor("blk.0.ffn_up.weight", TensorType(26), 4 * 64 * 96),
        "blk.0.ffn_up.weight is I32, which is no type of weights",
    ),
    "F64 matrix": (
        with_tensor("blk.0.ffn_up.weight", TensorType(28), 8 * 64 * 96),
        "blk.0.ffn_up.weight is F64, which is no type of weights",
    ),
    "Q8_1 matrix": (
        with_tensor("output.weight", TensorType(9), 280 * 2 * 40),
        "output.weight is Q8_1, which is no type of weights",
    ),
}


def write(path: Path, change: Callable[[File], None] | None = None) -> Path:
    file = small_file()
    if change is not None:
        change(file)
    path.write_bytes(file.encoded())
    return path


@pytest.mark.parametrize(("change", "words"), FATAL.values(), ids=FATAL.keys())
def test_what_would_end_the_process_is_a_sentence(
    change: Callable[[File], None], words: str, tmp_path: Path
) -> None:
    with pytest.raises(GgufError, match=words):
        llama.Tokenizer(write(tmp_path / "a.gguf", change))
    with pytest.raises(GgufError, match=words):
        llama.quantize_file(tmp_path / "a.gguf", tmp_path / "q.gguf", "Q4_0", 1, lambda _: None)


def test_a_sound_file_can_spell_anything(tmp_path: Path) -> None:
    assert require_safe(write(tmp_path / "a.gguf")) is None
    feed(tmp_path / "a.gguf")


def test_other_architectures_are_checked_like_llama(tmp_path: Path) -> None:
    file = small_file()
    file.metadata = {key.replace("llama.", "qwen2."): file.metadata[key] for key in file.metadata}
    file.metadata["general.architecture"] = STRING, "qwen2"
    (tmp_path / "a.gguf").write_bytes(file.encoded())
    assert require_safe(tmp_path / "a.gguf") is None
    file.metadata["qwen2.rope.dimension_count"] = U32, 8
    (tmp_path / "b.gguf").write_bytes(file.encoded())
    with pytest.raises(GgufError, match="8 of them rotated"):
        require_safe(tmp_path / "b.gguf")


def test_a_table_of_integers_is_no_damage(tmp_path: Path) -> None:
    file = small_file()
    file.tensors.append(Entry("d2t", (4,), int(TensorType(27)), bytes(32)))
    path = tmp_path / "a.gguf"
    path.write_bytes(file.encoded())
    assert require_safe(path) is None


def test_each_layer_may_have_its_own_heads(tmp_path: Path) -> None:
    change = with_keys(attention__head_count=(U32, [4, 4]), attention__head_count_kv=(U32, [2, 2]))
    path = write(tmp_path / "a.gguf", change)
    assert require_safe(path) is None
    feed(path)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf")
    assert require_safe(path) is None
    write(path, with_keys(block_count=(U32, 0)))
    os.utime(path, ns=(1, 1))
    with pytest.raises(GgufError, match="0 layers"):
        require_safe(path)


def without_bytes(file: File) -> None:
    tokens = list(file.metadata[TOKENS][1])
    tokens[3 : 3 + 256] = [f"unused{index}" for index in range(256)]
    file.metadata[TOKENS] = STRING, tokens


def test_without_byte_tokens_only_known_characters_are_spelled(tmp_path: Path) -> None:
    with llama.Tokenizer(write(tmp_path / "a.gguf", without_bytes)) as vocabulary:
        known = vocabulary.tokenize("a abc b").tolist()
        with llama.Tokenizer(write(tmp_path / "b.gguf")) as complete:
            assert known == complete.tokenize("a abc b").tolist()
        with pytest.raises(EngineError, match=r"a.gguf has no token for 'z' and none for its"):
            vocabulary.tokenize("abz")


def test_one_missing_byte_token_stops_only_what_needs_it(tmp_path: Path) -> None:
    def change(file: File) -> None:
        tokens = list(file.metadata[TOKENS][1])
        tokens[tokens.index("<0xA9>")] = "unused"
        file.metadata[TOKENS] = STRING, tokens

    with llama.Tokenizer(write(tmp_path / "a.gguf", change)) as vocabulary:
        assert len(vocabulary.tokenize("XYZ \u00e8")) == 3 + 2 + 2
        with pytest.raises(EngineError, match="has no token for 'é' and none for its bytes"):
            vocabulary.tokenize("XYZ \u00e9")


def test_a_model_without_vocabulary_spells_nothing(tmp_path: Path) -> None:
    def change(file: File) -> None:
        file.metadata["tokenizer.ggml.model"] = STRING, "none"

    with llama.Tokenizer(write(tmp_path / "a.gguf", change)) as vocabulary:
        for text in ("", "a"):
            with pytest.raises(EngineError, match="has no token for"):
                vocabulary.tokenize(text)


def test_a_model_that_looks_ahead_is_not_evaluated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf", with_keys(attention__causal=(int(ValueType.BOOL), False)))
    with pytest.raises(EngineError, match=r"a.gguf is no causal language model"):
        llama.Model(path)


def test_a_split_model_is_loaded(tmp_path: Path) -> None:
    first, *_ = split(small_file(), tmp_path, firsts=9)
    assert require_safe(first) is None
    feed(first)


def test_a_damaged_part_of_a_split_model_is_refused(tmp_path: Path) -> None:
    first, second, _ = split(small_file(), tmp_path, firsts=9)
    second.write_bytes(second.read_bytes()[:-100])
    with pytest.raises(GgufError, match=r"model-00002-of-00003.gguf is damaged"):
        llama.Model(first)
    second.write_bytes(File({"split.no": (U32, 1)}).encoded())
    with pytest.raises(GgufError, match=r"00003.gguf cannot be run: its split.no is no uint16"):
        llama.Model(first)
    second.unlink()
    with pytest.raises(GgufError, match=r"model-00002-of-00003.gguf is not beside it"):
        llama.Model(first)
