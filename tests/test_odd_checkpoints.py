"""Checkpoints that are whole and odd: each is converted, or told what it is and what helps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_files
from checkpoint_fuzz import small_checkpoint
from safetensors.numpy import save_file

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.tensor import as_float32
from edgeval.checkpoints.torch_zip import read_torch_zip
from edgeval.errors import CheckpointError
from edgeval.gguf.parts import read_header
from edgeval.system.progress import NoProgress

GOLDEN = Path(__file__).parent / "golden"
LAYER = "model.layers.0."
QUERY = f"{LAYER}self_attn.q_proj"
WEIGHTS = "model.safetensors"
WRONG_ADVICE = ("damaged", "download it again", "download them again")

Raw = dict[str, tuple[str, tuple[int, ...], bytes]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("odd") / "whole", "sentencepiece")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def weights_of(directory: Path) -> dict[str, Any]:
    tensors = Checkpoint(directory).tensors.values()
    return {each.name: as_float32(each.rows()).reshape(each.shape) for each in tensors}


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


def configure(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(directory: Path, dtype: Any = "f16") -> str:
    """Return why a checkpoint is not converted, after checking that nothing is left of it."""
    target = directory.with_name("out") / "out.gguf"
    with pytest.raises(CheckpointError) as caught:
        convert(directory, target, dtype)
    assert not target.parent.exists() or not list(target.parent.iterdir())
    assert str(caught.value).isprintable()
    return str(caught.value)


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


# Files of PyTorch


def test_every_way_in_which_pytorch_saves_a_tensor() -> None:
    """``torch_kinds.bin`` is of PyTorch 2.14; the values of a storage count from 1."""
    count = np.arange(1, 200)
    expected: dict[str, tuple[str, Any]] = {
        "tensor_with_attributes": ("F32", count[:6].reshape(2, 3)),
        "parameter_with_attributes": ("F32", count[:6].reshape(3, 2)),
        "buffer": ("F32", count[:4]),
        "transposed": ("F32", count[:12].reshape(3, 4).T),
        "permuted": ("BF16", count[:24].reshape(2, 3, 4).transpose(2, 0, 1)),
        "every_second": ("F16", count[:24].reshape(8, 3)[::2]),
        "every_third_column": ("F32", count[:18].reshape(2, 9)[:, ::3]),
        "inner": ("F32", count[:36].reshape(6, 6)[2:5, 1:4]),
        "expanded": ("F32", np.broadcast_to(count[:3], (4, 3))),
        "overlapping": ("F32", [[1, 3, 5], [2, 4, 6], [3, 5, 7], [4, 6, 8]]),
        "double": ("F64", count[:4].reshape(2, 2) / 3),
        "uint16": ("U16", [1, 65535]),
        "float8": ("F8_E4M3", [0x38, 0x40]),
        "scalar": ("F32", None),
        "integer_scalar": ("I64", None),
        "empty": ("F32", None),
        "empty_inside": ("BF16", None),
    }
    found = {each.name: each for each in read_torch_zip(GOLDEN / "torch_kinds.bin")}
    assert set(found) == set(expected)
    for name, (dtype, values) in expected.items():
        assert found[name].dtype == dtype
        if values is not None:
            raw = found[name].rows().reshape(found[name].shape)
            ours = as_float32(raw) if dtype == "BF16" else raw
            np.testing.assert_array_equal(ours, np.asarray(values, ours.dtype))
    assert [found[name].shape for name in ("scalar", "empty", "empty_inside")] == [
        (), (0, 4), (3, 0, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("n_columns", [7, 300])
def test_rows_of_a_transposed_matrix_are_read_a_few_at_a_time(
    n_columns: int, tmp_path: Path
) -> None:
    values = np.arange(n_columns * 1000, dtype=np.float32).reshape(n_columns, 1000)
    entry = torch_files.tensor("0", (1000, n_columns), stride=(1, 1000))
    path = torch_files.write_archive(
        tmp_path / "a.bin", torch_files.program({"w": entry}), {"0": values.tobytes()}
    )
    [found] = read_torch_zip(path)
    np.testing.assert_array_equal(found.rows(), values.T)
    np.testing.assert_array_equal(found.rows(3, 5), values.T[3:5])
    np.testing.assert_array_equal(found.rows(999), values.T[999:])


def test_transposed_weights_convert_to_the_same_gguf(
    whole: Path, copy: Path, tmp_path: Path
) -> None:
    values, storages = dict[str, bytes](), dict[str, bytes]()
    rng = np.random.default_rng(0)
    weights = {
        name: rng.standard_normal(each.shape).astype(np.float32)
        for name, each in weights_of(whole).items()
    }
    for index, (name, array) in enumerate(weights.items()):
        stride = tuple(np.cumprod((1, *array.shape[:-1])).tolist())
        values[name] = torch_files.tensor(str(index), array.shape, stride=stride)
        storages[str(index)] = np.asfortranarray(array).tobytes(order="F")
    save_file(weights, copy / WEIGHTS)
    theirs = convert(copy, tmp_path / "b.gguf", name="same")
    (copy / WEIGHTS).unlink()
    torch_files.write_archive(copy / "pytorch_model.bin", torch_files.program(values), storages)
    ours = convert(copy, tmp_path / "a.gguf", name="same")
    assert ours.read_bytes() == theirs.read_bytes()


def _call(module: bytes, name: bytes, *arguments: bytes) -> bytes:
    return b"c%s\n%s\n" % (module, name) + torch_files.several(*arguments) + b"R"


TENSOR = torch_files.tensor("0", (6,))
REFUSED: dict[str, tuple[bytes, str]] = {
    "another class": (
        _call(
            b"torch._tensor",
            b"_rebuild_from_type_v2",
            b"ctorch._utils\n_rebuild_tensor_v2\n",
            b"cevil.module\nTensor\n",
            b")",
            b"}",
        ),
        r"wants evil\.module\.Tensor when it is loaded",
    ),
    "a call in a call": (
        _call(
            b"torch._tensor",
            b"_rebuild_from_type_v2",
            b"ctorch._tensor\n_rebuild_from_type_v2\n",
            b"ctorch\nTensor\n",
            b")",
            b"}",
        ),
        "wants torch._tensor._rebuild_from_type_v2 with",
    ),
    "sparse": (b"ctorch._utils\n_rebuild_sparse_tensor\n", "has a sparse tensor"),
    "meta": (b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n", "has a tensor without values"),
    "deep tuples": (b")" + b"\x85" * 200_000 + b"0", "wants the instruction POP"),
    "a deep name": (b")" + b"\x85" * 200_000 + b"X\1\0\0\0a\x93", "data.pkl cannot be read"),
    "a deep key": (b"}" + b")" + b"\x85" * 200_000 + b"Ns", "data.pkl cannot be read"),
    "deep lists": (b"]" * 100_000 + b"a" * 99_999, "'w' is no tensor"),
}


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_plain_tensor_is_refused_by_name(
    value: bytes, words: str, tmp_path: Path
) -> None:
    path = torch_files.write_archive(
        tmp_path / "a.bin", torch_files.program({"w": value}), {"0": bytes(24)}
    )
    with pytest.raises(CheckpointError, match=words):
        list(read_torch_zip(path))
