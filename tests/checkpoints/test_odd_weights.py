"""Weights that are whole and odd: converted, or told what they are and what helps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.convert import convert
from edgeval.errors import CheckpointError
from edgeval.gguf.parts import read_header
from edgeval.system.progress import NoProgress
from tests.helpers.forms import torch_files
from tests.helpers.fuzz.checkpoints import small_checkpoint
from tests.helpers.odd_checkpoints import WEIGHTS, refusal, weights_of

LAYER = "model.layers.0."
QUERY = f"{LAYER}self_attn.q_proj"
WRONG_ADVICE = ("damaged", "download it again", "download them again")

Raw = dict[str, tuple[str, tuple[int, ...], bytes]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("odd") / "whole", "sentencepiece")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def raw_of(directory: Path) -> Raw:
    """Return all weights as float32."""
    tensors = weights_of(directory)
    return {name: ("F32", each.shape, each.tobytes()) for name, each in tensors.items()}


def write_raw(path: Path, tensors: Raw) -> None:
    """Write safetensors of any type."""
    header, end = dict[str, Any](), 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    data = b"".join(data for _, _, data in tensors.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def tensors_of(path: Path) -> dict[str, bytes]:
    header = read_header(path)
    return {each.name: header.raw(each).tobytes() for each in header.tensors}


FP8 = ("F8_E4M3", (32, 32), bytes(1024))
HALF = ("F32", (), bytes(4))
QUANTIZED: dict[str, tuple[Raw, str]] = {
    "modelopt": (
        {f"{QUERY}.weight": FP8, f"{QUERY}.input_scale": HALF, f"{QUERY}.weight_scale": HALF},
        "ModelOpt or compressed-tensors",
    ),
    "blocks of FP8": (
        {f"{QUERY}.weight": FP8, f"{QUERY}.weight_scale_inv": ("F32", (1, 1), bytes(4))},
        "blocks of FP8",
    ),
    "bare FP8": ({f"{QUERY}.weight": FP8}, "F8_E4M3"),
    "bitsandbytes 4": (
        {
            f"{QUERY}.weight": ("U8", (512, 1), bytes(512)),
            f"{QUERY}.weight.absmax": ("U8", (16,), bytes(16)),
            f"{QUERY}.weight.quant_map": ("F32", (16,), bytes(64)),
            f"{QUERY}.weight.quant_state.bitsandbytes__nf4": ("U8", (80,), bytes(80)),
        },
        "bitsandbytes, to 4 bits",
    ),
    "bitsandbytes 8": (
        {
            f"{QUERY}.weight": ("I8", (32, 32), bytes(1024)),
            f"{QUERY}.SCB": ("F32", (32,), bytes(128)),
        },
        "bitsandbytes, to 8 bits",
    ),
    "GPTQ": (
        {
            f"{QUERY}.qweight": ("I32", (4, 32), bytes(512)),
            f"{QUERY}.qzeros": ("I32", (1, 4), bytes(16)),
            f"{QUERY}.scales": ("F16", (1, 32), bytes(64)),
            f"{QUERY}.g_idx": ("I32", (32,), bytes(128)),
        },
        "GPTQ",
    ),
    "AWQ": (
        {
            f"{QUERY}.qweight": ("I32", (32, 4), bytes(512)),
            f"{QUERY}.qzeros": ("I32", (1, 4), bytes(16)),
            f"{QUERY}.scales": ("F16", (1, 32), bytes(64)),
        },
        "AWQ",
    ),
    "compressed-tensors": (
        {
            f"{QUERY}.weight_packed": ("I32", (32, 4), bytes(512)),
            f"{QUERY}.weight_scale": ("BF16", (32, 1), bytes(64)),
            f"{QUERY}.weight_shape": ("I64", (2,), bytes(16)),
        },
        "compressed-tensors",
    ),
    "MLX": (
        {
            f"{QUERY}.weight": ("U32", (32, 4), bytes(512)),
            f"{QUERY}.scales": ("F16", (32, 1), bytes(64)),
            f"{QUERY}.biases": ("F16", (32, 1), bytes(64)),
        },
        "MLX",
    ),
    "HQQ": ({f"{QUERY}.W_q": ("U8", (16, 32), bytes(512))}, "HQQ"),
}


@pytest.mark.parametrize(("tensors", "maker"), QUANTIZED.values(), ids=QUANTIZED.keys())
def test_quantized_weights_are_told_by_who_quantized_them(
    tensors: Raw, maker: str, copy: Path
) -> None:
    kept = {name: each for name, each in raw_of(copy).items() if name != f"{QUERY}.weight"}
    write_raw(copy / WEIGHTS, kept | tensors)
    said = refusal(copy)
    assert f"quantized already, by {'a library' if maker == 'F8_E4M3' else ''}" in said
    assert maker in said
    assert said.endswith("use the checkpoint that it was made of")
    assert not any(words in said for words in WRONG_ADVICE)


def test_modelopt_is_named_by_its_own_file(copy: Path) -> None:
    write_raw(copy / WEIGHTS, raw_of(copy) | QUANTIZED["modelopt"][0])
    (copy / "hf_quant_config.json").write_text("{}")
    assert "by NVIDIA ModelOpt (hf_quant_config.json)" in refusal(copy)


@pytest.mark.parametrize(
    "more",
    [
        {f"{LAYER}self_attn.k_scale": HALF, f"{LAYER}self_attn.v_scale": HALF},
        {f"{LAYER}self_attn.past": ("F32", (0, 32), b"")},
        {"model.step": ("I64", (), bytes(8))},
        {f"{LAYER}self_attn.rotary_emb.cos_cached": ("F32", (1, 1, 8, 16), bytes(512))},
        {f"{LAYER}self_attn.rotary_emb.inv_freq": ("F32", (8,), bytes(32))},
    ],
    ids=["factors of a cache", "nothing", "a count", "rotations", "frequencies"],
)
def test_what_changes_nothing_is_left_out(
    more: Raw, whole: Path, copy: Path, tmp_path: Path
) -> None:
    write_raw(copy / WEIGHTS, raw_of(copy) | more)
    ours = convert(copy, tmp_path / "a.gguf", name="same")
    assert tensors_of(ours) == tensors_of(convert(whole, tmp_path / "b.gguf", name="same"))


class Log(NoProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


def test_what_is_left_out_is_said(copy: Path) -> None:
    log = Log()
    write_raw(copy / WEIGHTS, raw_of(copy) | {"model.step": ("I64", (), bytes(8))})
    convert(copy, copy.with_name("out.gguf"), progress=log)
    assert f"{copy}: 1 tensor is left out, as transformers leaves them out: model.step" in log.lines


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
def test_doubles_are_converted_as_the_floats_they_round_to(
    dtype: Any, whole: Path, copy: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    doubles = {name: rng.standard_normal(each.shape) for name, each in weights_of(whole).items()}
    write_raw(
        copy / WEIGHTS,
        {name: ("F64", each.shape, each.tobytes()) for name, each in doubles.items()},
    )
    ours = tensors_of(convert(copy, tmp_path / "a.gguf", dtype))
    save_file({name: each.astype(np.float32) for name, each in doubles.items()}, copy / WEIGHTS)
    assert ours == tensors_of(convert(copy, tmp_path / "b.gguf", dtype))


def test_values_beyond_a_type_name_the_types_that_hold_them(copy: Path) -> None:
    tensors = weights_of(copy)
    tensors["lm_head.weight"][0, 0] = 1e10
    save_file(tensors, copy / WEIGHTS)
    said = refusal(copy)
    assert "lm_head.weight has values beyond the range of F16; use --dtype bf16, or BF16" in said
    assert convert(copy, copy / "b.gguf", "bf16").is_file()
    values = {name: ("F64", each.shape, each.astype("<f8")) for name, each in tensors.items()}
    values["lm_head.weight"][2][0, 0] = 1e300
    write_raw(copy / WEIGHTS, {name: (t, s, v.tobytes()) for name, (t, s, v) in values.items()})
    assert "lm_head.weight has values beyond the range of F32" in refusal(copy, "bf16")


def _renamed(old: str, new: str) -> Callable[[Raw], Raw]:
    return lambda raw: {name.replace(old, new, 1): each for name, each in raw.items()}


def _with(name: str, *shape: int) -> Callable[[Raw], Raw]:
    return lambda raw: raw | {name: ("F32", shape, bytes(4 * int(np.prod(shape))))}


STRAY: dict[str, tuple[Callable[[Raw], Raw], str]] = {
    "no lm_head": (
        lambda raw: {name: each for name, each in raw.items() if name != "lm_head.weight"},
        "has no lm_head.weight, .*tie_word_embeddings.*write",
    ),
    "lm_head.bias": (_with("lm_head.bias", 600), "has lm_head.bias, .*no bias there"),
    "norm.bias": (_with("model.norm.bias", 32), "has model.norm.bias, .*no bias there"),
    "layer norm's bias": (
        _with(f"{LAYER}input_layernorm.bias", 32),
        "input_layernorm.bias, and a Llama model has no bias there",
    ),
    "q_proj.bias": (_with(f"{QUERY}.bias", 32), "says no attention_bias"),
    "another layer": (
        _with("model.layers.1.input_layernorm.weight", 32),
        "num_hidden_layers: 1, counted from 0; correct the number",
    ),
    "PEFT": (_renamed("", "base_model.model."), "as PEFT does .*merge_and_unload"),
    "compiled": (_renamed("", "_orig_mod."), "as torch.compile does"),
    "parallel": (_renamed("", "module."), "as DataParallel does"),
    "value head": (_with("v_head.summary.weight", 1, 32), "the value head"),
    "classifier": (_with("score.weight", 2, 32), "the head of a classifier"),
    "adapter inside": (_with(f"{QUERY}.lora_A.weight", 8, 32), "a part of an adapter"),
    "norm of queries": (
        _with(f"{LAYER}self_attn.q_norm.weight", 32),
        "q_norm.weight that the Llama architecture does not: transformers leaves it out",
    ),
    "more tokens": (
        lambda raw: raw | {"lm_head.weight": ("F32", (608, 32), bytes(608 * 32 * 4))},
        "vocab_size: 600; tokens were added",
    ),
    "other shape": (
        lambda raw: raw | {f"{QUERY}.weight": ("F32", (64, 32), bytes(64 * 32 * 4))},
        "they are of different models",
    ),
    "missing tensor": (
        lambda raw: {name: each for name, each in raw.items() if QUERY not in name},
        "lacks 1 tensors that config.json means, the first is blk.0.attn_q.weight",
    ),
    "name twice": (
        lambda raw: raw | {"norm.weight": raw["model.norm.weight"]},
        "has output_norm.weight twice, as model.norm.weight and as norm.weight",
    ),
}


@pytest.mark.parametrize(("change", "words"), STRAY.values(), ids=STRAY.keys())
def test_what_a_llama_does_not_have_is_named(
    change: Callable[[Raw], Raw], words: str, copy: Path
) -> None:
    write_raw(copy / WEIGHTS, change(raw_of(copy)))
    with pytest.raises(CheckpointError, match=words):
        convert(copy, copy / "out.gguf")
    assert not any(words in refusal(copy) for words in WRONG_ADVICE)


@pytest.mark.parametrize("n_shards", [1, 3])
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_shards_without_an_index_are_known_by_their_names(
    n_shards: int, suffix: str, whole: Path, copy: Path, tmp_path: Path
) -> None:
    weights = weights_of(copy)
    (copy / WEIGHTS).unlink()
    save = save_file if suffix == "safetensors" else lambda part, path: torch_files.save(path, part)
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    for n in range(n_shards):
        part = {name: weights[name] for name in list(weights)[n::n_shards]}
        save(part, copy / f"{stem}-{n + 1:05}-of-{n_shards:05}.{suffix}")
    ours = convert(copy, tmp_path / "a.gguf", name="same")
    assert tensors_of(ours) == tensors_of(convert(whole, tmp_path / "b.gguf", name="same"))
    (copy / f"{stem}-{n_shards:05}-of-{n_shards:05}.{suffix}").rename(
        copy / f"{stem}-00001-of-00009.{suffix}"
    )
    with pytest.raises(CheckpointError, match=r"download (it|model|pytorch)"):
        Checkpoint(copy).weight_files()
