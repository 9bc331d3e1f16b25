"""Identity of a model: what makes two files quantizations of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeval.errors import EdgevalError
from edgeval.gguf.identity import model_facts, model_shape, tokenizer_fingerprint
from edgeval.gguf.parts import read_header
from edgeval.quantization.quantize import quantize
from edgeval.records import ModelShape

# What makes two files the same model.


def test_every_quantization_of_a_model_is_the_same_model(
    tiny_f16: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    made = quantize(tiny_f16, ["Q8_0", "Q4_K_M", "Q2_K", "BF16"], tmp_path)
    expected = model_facts(tiny_f32)
    assert expected.shape == ModelShape(
        architecture="llama",
        block_count=2,
        embedding_length=256,
        feed_forward_length=512,
        head_count=8,
        head_count_kv=2,
        rope_base=10000.0,
        vocabulary_size=512,
        n_params=read_header(tiny_f32).n_params,
    )
    for path in (tiny_f16, *made):
        found = model_facts(path)
        assert found.tokenizer_fingerprint == expected.tokenizer_fingerprint, path.name
        assert found.shape == expected.shape, path.name
        assert found.norms_fingerprint == expected.norms_fingerprint is not None, path.name
        assert found.file_bytes == path.stat().st_size


def test_the_fingerprint_is_of_what_decides_tokens(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    ours = tokenizer_fingerprint(header)

    def changed(**changes: Any) -> str:
        values = {f"tokenizer.{key.replace('__', '.')}": each for key, each in changes.items()}
        return tokenizer_fingerprint(replace(header, metadata=header.metadata | values))

    tokens = list(header.metadata["tokenizer.ggml.tokens"])
    scores = header.metadata["tokenizer.ggml.scores"].copy()
    kinds = header.metadata["tokenizer.ggml.token_type"].copy()
    scores[-1] -= 1
    kinds[-1] = 4
    others = [
        changed(ggml__tokens=[*tokens[:-1], "another"]),
        # The same letters, cut at another place.
        changed(ggml__tokens=[*tokens[:-2], tokens[-2] + tokens[-1][:1], tokens[-1][1:]]),
        changed(ggml__scores=scores),
        changed(ggml__token_type=kinds),
        changed(ggml__merges=["a b"]),
        changed(ggml__model="gpt2"),
        changed(ggml__pre="llama-bpe"),
        changed(ggml__add_bos_token=False),
        changed(ggml__add_eos_token=True),
        changed(ggml__add_space_prefix=False),
        changed(ggml__bos_token_id=2),
        changed(ggml__tokens=[*tokens[:-1], "\udcff"]),
    ]
    assert len({ours, *others}) == 1 + len(others)
    assert changed(chat_template="{{ messages }}") == ours
    assert changed(ggml__padding_token_id=0) == ours
    assert tokenizer_fingerprint(replace(header, metadata=dict(header.metadata))) == ours


def test_a_shape_needs_no_key(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    rest = {
        key: value
        for key, value in header.metadata.items()
        if key not in ("llama.attention.head_count_kv", "llama.rope.freq_base")
    }
    found = model_shape(replace(header, metadata=rest | {"llama.block_count": "two"}))
    assert (found.block_count, found.head_count_kv, found.rope_base) == (None, 8, 10000.0)
    layers = {"llama.feed_forward_length": np.array([512, 256], np.int32)}
    found = model_shape(replace(header, metadata=header.metadata | layers))
    assert found.feed_forward_length == [512, 256]


def test_a_shape_of_no_number_is_refused(tiny_f16: Path) -> None:
    header = read_header(tiny_f16)
    for value in (float("nan"), float("inf")):
        changed = replace(header, metadata=header.metadata | {"llama.rope.freq_base": value})
        with pytest.raises(EdgevalError, match=f"has the rope.freq_base {value}, with which noth"):
            model_shape(changed)
