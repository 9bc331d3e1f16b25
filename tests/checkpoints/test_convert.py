from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from edgeval.checkpoints.convert import tensors, writer
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import CheckpointError, EdgevalError
from edgeval.quantization.quantize import quantize


@pytest.fixture
def copy(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))


def _set_config(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(config), encoding="utf-8")


def _tensors(path: Path) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def _field(path: Path, key: str) -> Any:
    field = gguf.GGUFReader(path).get_field(key)
    return None if field is None else field.contents()


def test_every_value_arrives(tiny_checkpoint: Path, tiny_f32: Path) -> None:
    source = load_file(tiny_checkpoint / "model.safetensors")
    made = _tensors(tiny_f32)
    assert len(made) == len(source) == 21
    down = made["blk.1.ffn_down.weight"].data
    np.testing.assert_array_equal(down, source["model.layers.1.mlp.down_proj.weight"])
    np.testing.assert_array_equal(made["output.weight"].data, source["lm_head.weight"])


def test_rotary_halves_are_interleaved(tiny_checkpoint: Path, tiny_f32: Path) -> None:
    source = load_file(tiny_checkpoint / "model.safetensors")
    made = _tensors(tiny_f32)
    for theirs, ours, heads in (("q_proj", "attn_q", 8), ("k_proj", "attn_k", 2)):
        before = source[f"model.layers.0.self_attn.{theirs}.weight"]
        after = made[f"blk.0.{ours}.weight"].data
        for head in range(heads):
            for pair in range(16):
                row = head * 32
                np.testing.assert_array_equal(after[row + 2 * pair], before[row + pair])
                np.testing.assert_array_equal(after[row + 2 * pair + 1], before[row + pair + 16])


def test_matrices_take_the_type_and_vectors_stay_f32(
    tiny_checkpoint: Path, tiny_f16: Path, tmp_path: Path
) -> None:
    bf16 = convert(tiny_checkpoint, tmp_path / "bf16.gguf", "bf16")
    for path, name, file_type in ((tiny_f16, "F16", 1), (bf16, "BF16", 32)):
        types = {name: tensor.tensor_type.name for name, tensor in _tensors(path).items()}
        assert types["token_embd.weight"] == types["blk.0.attn_q.weight"] == name
        assert types["output_norm.weight"] == types["blk.0.ffn_norm.weight"] == "F32"
        assert _field(path, "general.file_type") == file_type
    source = load_file(tiny_checkpoint / "model.safetensors")["lm_head.weight"]
    np.testing.assert_array_equal(
        _tensors(tiny_f16)["output.weight"].data, source.astype(np.float16)
    )


def test_q8_0_is_what_the_quantizer_makes_of_f32(
    tiny_checkpoint: Path, tiny_f32: Path, tmp_path: Path
) -> None:
    made = convert(tiny_checkpoint, tmp_path / "q8_0.gguf", "q8_0")
    (expected,) = quantize(tiny_f32, ["Q8_0"], tmp_path / "from_f32")
    assert _field(made, "general.file_type") == 7
    ours, theirs = _tensors(made), _tensors(expected)
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        assert tensor.tensor_type == theirs[name].tensor_type
        assert tensor.data.tobytes() == theirs[name].data.tobytes(), name


def test_rows_that_are_no_whole_blocks_become_f16(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    _set_config(copy, intermediate_size=500)
    for name, value in weights.items():
        if "down_proj" in name:
            weights[name] = np.ascontiguousarray(value[:, :500])
        elif "gate_proj" in name or "up_proj" in name:
            weights[name] = value[:500]
    save_file(weights, copy / "model.safetensors")
    made = _tensors(convert(copy, tmp_path / "out.gguf", "q8_0"))
    assert made["blk.0.ffn_down.weight"].tensor_type.name == "F16"
    assert made["blk.0.ffn_up.weight"].tensor_type.name == "Q8_0"


def test_small_chunks_give_the_same_file(
    tiny_checkpoint: Path, tiny_f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensors, "_CHUNK_ELEMENTS", 1000)
    made = convert(tiny_checkpoint, tmp_path / "chunks.gguf", "f16")
    assert made.read_bytes() == tiny_f16.read_bytes()


def test_metadata(tiny_f32: Path) -> None:
    expected = {
        "general.architecture": "llama",
        "llama.context_length": 128,
        "llama.embedding_length": 256,
        "llama.feed_forward_length": 512,
        "llama.block_count": 2,
        "llama.attention.head_count": 8,
        "llama.attention.head_count_kv": 2,
        "llama.rope.dimension_count": 32,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.add_bos_token": True,
    }
    assert {key: _field(tiny_f32, key) for key in expected} == expected
    assert len(_field(tiny_f32, "tokenizer.ggml.tokens")) == 512


def test_rope_parameters_of_newer_configs(copy: Path, tmp_path: Path) -> None:
    parameters = {"rope_type": "default", "rope_theta": 500000.0}
    _set_config(copy, rope_theta=None, rope_scaling=None, rope_parameters=parameters)
    made = convert(copy, tmp_path / "out.gguf")
    assert _field(made, "llama.rope.freq_base") == 500000.0


def test_linear_rope_scaling(copy: Path, tmp_path: Path) -> None:
    _set_config(copy, rope_scaling={"type": "linear", "factor": 4.0})
    made = convert(copy, tmp_path / "out.gguf")
    assert _field(made, "llama.rope.scaling.type") == "linear"
    assert _field(made, "llama.rope.scaling.factor") == 4.0


def test_llama3_rope_scaling_has_its_three_bands(copy: Path, tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    _set_config(copy, rope_scaling=scaling)
    factors = _tensors(convert(copy, tmp_path / "out.gguf"))["rope_freqs.weight"].data
    # Wavelengths 2 pi 10000^(i/16): below 64/4 kept, above 64/1 divided by 8, between blended.
    assert factors.shape == (16,)
    assert factors[:2].tolist() == [1.0, 1.0]
    assert factors[5:].tolist() == [8.0] * 11
    assert np.all(np.diff(factors) >= 0)
    assert np.all((factors[2:5] > 1) & (factors[2:5] < 8))


def test_tied_output_is_not_written(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, copy / "model.safetensors")
    _set_config(copy, tie_word_embeddings=True)
    assert "output.weight" not in _tensors(convert(copy, tmp_path / "out.gguf"))


def assert_refused(source: Path, target: Path, message: str, dtype: Any = "f16") -> None:
    with pytest.raises(EdgevalError, match=message):
        convert(source, target, dtype)
    assert not target.exists()
    assert [path for path in target.parent.glob(".*") if target.name in path.name] == []


def test_other_architectures_are_refused_by_name(copy: Path, tmp_path: Path) -> None:
    _set_config(copy, architectures=["MambaForCausalLM"])
    assert_refused(copy, tmp_path / "out.gguf", r"MambaForCausalLM.*convert_hf_to_gguf\.py")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 512}, "has shape"),
        ({"hidden_size": "wide"}, "hidden_size: "),
        ({"num_hidden_layers": 3}, r"lacks 9 tensors.*blk\.2"),
        ({"vocab_size": 100}, "512 pieces|has shape"),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, "yarn"),
        ({"quantization_config": {"bits": 4}}, "quantized already"),
    ],
)
def test_config_that_does_not_fit_is_refused(
    changes: dict[str, Any], message: str, copy: Path, tmp_path: Path
) -> None:
    _set_config(copy, **changes)
    assert_refused(copy, tmp_path / "out.gguf", message)


def test_unknown_tensor_is_refused(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    save_file(weights | {"model.extra.weight": np.zeros(3, np.float32)}, copy / "model.safetensors")
    assert_refused(copy, tmp_path / "out.gguf", r"model\.extra\.weight")


def test_overflow_of_f16_is_named(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"].copy()
    weights["lm_head.weight"][3, 5] = 1e6
    save_file(weights, copy / "model.safetensors")
    assert_refused(copy, tmp_path / "out.gguf", r"lm_head\.weight.*range of F16.*bf16")
    assert convert(copy, tmp_path / "bf16.gguf", "bf16").is_file()


def test_missing_or_damaged_tokenizer(copy: Path, tmp_path: Path) -> None:
    (copy / "tokenizer.model").write_bytes(b"no model")
    assert_refused(copy, tmp_path / "out.gguf", "not a SentencePiece model")
    (copy / "tokenizer.model").unlink()
    assert_refused(copy, tmp_path / "out.gguf", r"no tokenizer\.model")


def test_added_tokens_are_overlaid(copy: Path, tmp_path: Path) -> None:
    _set_config(copy, vocab_size=514)
    weights = load_file(copy / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        weights[name] = np.vstack([weights[name], weights[name][:2]])
    save_file(weights, copy / "model.safetensors")
    (copy / "added_tokens.json").write_text(json.dumps({"<extra>": 512}), encoding="utf-8")
    config = {"added_tokens_decoder": {"513": {"content": "<|end|>", "special": False}}}
    (copy / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    made = convert(copy, tmp_path / "out.gguf")
    assert _field(made, "tokenizer.ggml.tokens")[512:] == ["<extra>", "<|end|>"]
    types = _field(made, "tokenizer.ggml.token_type")[512:]
    assert types == [gguf.TokenType.USER_DEFINED, gguf.TokenType.CONTROL]


def test_existing_target_is_not_overwritten(tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(EdgevalError, match="exists already"):
        convert(tiny_checkpoint, target)
    assert target.read_text(encoding="utf-8") == "mine"


def test_interruption_leaves_nothing(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "_write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert(tiny_checkpoint, tmp_path / "out.gguf")
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint directory"):
        convert(tmp_path / "absent", tmp_path / "out.gguf")
