"""Tiny GGUFs of many architectures, with random weights and the vocabulary of another file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from tiny import make_checkpoint

from edgeval.checkpoints.convert.convert import convert
from edgeval.gguf.header import Header
from edgeval.gguf.parts import read_header

VOCABULARY = 512
_WIDTH, _LAYERS, _HEADS, _HEAD, _FEED = 64, 2, 2, 32, 128
_INNER, _STATE, _RANK, _CONV = 128, 16, 8, 4
_RECURRENT_LAYERS = 4
_ATTENDING = (0, 1, 0, 1)

Weights = dict[str, npt.NDArray[np.float32]]


def write(
    path: Path, architecture: str, vocabulary: Path, extra: Mapping[str, Any] | None = None
) -> Path:
    """Write a model of an architecture.

    Args:
        path: Where to.
        architecture: A key of ``BUILDERS``.
        vocabulary: The GGUF whose tokenizer it gets; of 512 tokens.
        extra: More keys of the architecture, without its name.
    """
    keys, weights = BUILDERS[architecture](np.random.default_rng(1))
    return _write(path, architecture, vocabulary, keys | dict(extra or {}), weights)


def write_spec(
    path: Path,
    architecture: str,
    vocabulary: Path,
    keys: Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]],
) -> Path:
    """Write a model of an architecture with random weights of some shapes.

    Args:
        path: Where to.
        architecture: llama.cpp's name of it.
        vocabulary: The GGUF whose tokenizer it gets; of 512 tokens.
        keys: Keys beside the common ones, without the architecture's name.
        shapes: The shapes of its tensors, outermost dimension first; those of ``blk.*`` are in each
            block.
    """
    rng = np.random.default_rng(1)
    shapes = {
        name.replace("*", str(layer)): shape
        for name, shape in shapes.items()
        for layer in range(_LAYERS if "*" in name else 1)
    }
    weights = {name: _random(rng, *shape, scale=0.2) for name, shape in shapes.items()}
    for name, values in weights.items():
        if name.endswith("norm.weight"):
            values += 1
        elif name.endswith("ssm_a"):
            weights[name] = -np.abs(values) - np.float32(0.1)
    return _write(path, architecture, vocabulary, keys, weights)


def _common() -> dict[str, Any]:
    """Return keys that each architecture reads, or ignores."""
    return {
        "context_length": 2048, "embedding_length": _WIDTH, "feed_forward_length": _FEED,
        "block_count": _LAYERS, "attention.head_count": _HEADS,
        "attention.layer_norm_rms_epsilon": 1e-5, "attention.layer_norm_epsilon": 1e-5,
    }  # fmt: skip


def _write(
    path: Path,
    architecture: str,
    vocabulary: Path,
    keys: Mapping[str, Any],
    weights: Mapping[str, npt.NDArray[np.float32]],
) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_file_type(0)
    _add_tokenizer(writer, read_header(vocabulary))
    for name, value in (_common() | dict(keys)).items():
        _add(writer, name if name.startswith("tokenizer.") else f"{architecture}.{name}", value)
    for name, values in weights.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def copy(path: Path, source: Path, **keys: int | None) -> Path:
    """Write a GGUF again, with some keys of ``general`` set, or left out where they are None."""
    header = read_header(source)
    writer = gguf.GGUFWriter(path, header.metadata["general.architecture"])
    for key, value in header.metadata.items():
        kind = header.types[key]
        if key == "general.architecture" or key.removeprefix("general.") in keys:
            continue
        if np.ndim(value) or isinstance(value, list):
            writer.add_key_value(key, list(value), gguf.GGUFValueType.ARRAY, kind)
        else:
            writer.add_key_value(key, value, gguf.GGUFValueType(kind))
    for name, value in keys.items():
        if value is not None:
            writer.add_uint32(f"general.{name}", value)
    for tensor in header.tensors:
        data, kind = header.raw(tensor), gguf.GGMLQuantizationType(int(tensor.type))
        rows = data.reshape(*tensor.shape[:-1], -1)
        writer.add_tensor(tensor.name, np.array(rows), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_vocabulary(path: Path) -> Path:
    """Write a tokenizer of the pieces of a tiny checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        made = convert(make_checkpoint(Path(folder) / "tiny"), Path(folder) / "tiny.gguf", "f32")
        path.write_bytes(made.read_bytes())
    return path


def write_byte_level_vocabulary(path: Path, pre: str | None) -> Path:
    """Write a tokenizer of bytes that merges a space with a letter, and digits with each other.

    Args:
        path: Where to.
        pre: Its pre-tokenizer; None for a file that does not say it.
    """
    # GPT-2's characters for bytes: those that print stand for themselves.
    printed = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    bytes_ = [chr(byte if byte in printed else next(others)) for byte in range(256)]
    space = bytes_[32]
    merges = [f"{space} {each}" for each in "abcdefghijklmnopqrstuvwxyz"]
    merges += [f"{first} {second}" for first in "0124" for second in "0123456789"]
    tokens = [*bytes_, *(merge.replace(" ", "") for merge in merges)]
    tokens += [f"[unused{n}]" for n in range(VOCABULARY - len(tokens))]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([1] * VOCABULARY)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _add_tokenizer(writer: gguf.GGUFWriter, header: Header) -> None:
    for key, value in header.metadata.items():
        if not key.startswith("tokenizer."):
            continue
        kind = header.types[key]
        if np.ndim(value) or isinstance(value, list):
            writer.add_key_value(key, list(value), gguf.GGUFValueType.ARRAY, kind)
        else:
            writer.add_key_value(key, value, gguf.GGUFValueType(kind))


def _random(rng: np.random.Generator, *shape: int, scale: float = 0.2) -> Any:
    return np.float32(scale) * rng.standard_normal(shape, dtype=np.float32)


def _ones(n: int | None = None) -> npt.NDArray[np.float32]:
    return np.ones(_WIDTH if n is None else n, np.float32)


def _ends(rng: np.random.Generator, *, has_output: bool = True) -> Weights:
    found: Weights = {"token_embd.weight": _random(rng, VOCABULARY, _WIDTH, scale=1)}
    found["output_norm.weight"] = _ones()
    if has_output:
        found["output.weight"] = _random(rng, VOCABULARY, _WIDTH, scale=0.3)
    return found


def _attention(rng: np.random.Generator, block: str, kv_heads: int = 1) -> Weights:
    width, kv_width = _HEADS * _HEAD, kv_heads * _HEAD
    return {
        f"{block}attn_norm.weight": _ones(),
        f"{block}attn_q.weight": _random(rng, width, _WIDTH),
        f"{block}attn_k.weight": _random(rng, kv_width, _WIDTH),
        f"{block}attn_v.weight": _random(rng, kv_width, _WIDTH),
        f"{block}attn_output.weight": _random(rng, _WIDTH, width),
    }


def _feed_forward(rng: np.random.Generator, block: str) -> Weights:
    return {
        f"{block}ffn_norm.weight": _ones(),
        f"{block}ffn_gate.weight": _random(rng, _FEED, _WIDTH),
        f"{block}ffn_up.weight": _random(rng, _FEED, _WIDTH),
        f"{block}ffn_down.weight": _random(rng, _WIDTH, _FEED),
    }


def _llama(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng)
    for layer in range(_LAYERS):
        weights |= _attention(rng, f"blk.{layer}.") | _feed_forward(rng, f"blk.{layer}.")
    return {"attention.head_count_kv": 1, "rope.dimension_count": _HEAD}, weights


def _llama_like(rng: np.random.Generator, **vectors: int) -> tuple[dict[str, Any], Weights]:
    """Return Llama with more vectors in each block: their names, and their widths."""
    keys, weights = _llama(rng)
    for layer in range(_LAYERS):
        weights |= {f"blk.{layer}.{name}": _ones(n) for name, n in vectors.items()}
    return keys, weights


def _qwen2(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    biases = {"attn_q.bias": _HEADS * _HEAD, "attn_k.bias": _HEAD, "attn_v.bias": _HEAD}
    return _llama_like(rng, **biases)


def _qwen3(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    return _llama_like(rng, **{f"attn_{each}_norm.weight": _HEAD for each in "qk"})


def _gemma_embedding(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    names = ("post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm")
    widths = (_WIDTH, _WIDTH, _HEAD, _HEAD)
    keys, weights = _llama_like(
        rng, **{f"{name}.weight": n for name, n in zip(names, widths, strict=True)}
    )
    del weights["output.weight"]
    keys |= {"attention.sliding_window": 512, "rope.freq_base": 1e6}
    return keys, weights


def _bert(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = {
        "token_embd.weight": _random(rng, VOCABULARY, _WIDTH, scale=1),
        "position_embd.weight": _random(rng, 2048, _WIDTH),
        "token_types.weight": _random(rng, 2, _WIDTH),
    }
    weights |= {"token_embd_norm.weight": _ones(), "token_embd_norm.bias": _ones()}
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        weights |= _attention(rng, block, _HEADS) | _feed_forward(rng, block)
        for name in ("attn_norm", "ffn_norm", "ffn_gate"):
            del weights[f"{block}{name}.weight"]
        for name in ("attn_output_norm", "layer_output_norm"):
            weights |= {f"{block}{name}.weight": _ones(), f"{block}{name}.bias": _ones()}
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_down"):
            weights[f"{block}{name}.bias"] = _ones()
        weights[f"{block}ffn_up.bias"] = _ones(_FEED)
    return {"pooling_type": 1, "tokenizer.ggml.token_type_count": 2}, weights


def _t5(rng: np.random.Generator, sides: tuple[str, ...]) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng, has_output="dec" in sides)
    del weights["output_norm.weight"]
    for side in sides:
        weights[f"{side}.output_norm.weight"] = _ones()
        for layer in range(_LAYERS):
            block = f"{side}.blk.{layer}."
            weights |= _feed_forward(rng, block)
            for name in ("attn", *(["cross_attn"] if side == "dec" else [])):
                weights[f"{block}{name}_norm.weight"] = _ones()
                for part in "qkvo":
                    weights[f"{block}{name}_{part}.weight"] = _random(rng, _WIDTH, _WIDTH)
        weights[f"{side}.blk.0.attn_rel_b.weight"] = _random(rng, 32, _HEADS)
    keys = {
        "attention.key_length": _HEAD, "attention.value_length": _HEAD,
        "attention.relative_buckets_count": 32, "decoder_start_token_id": 0,
    }  # fmt: skip
    return keys, weights


def _mamba_layer(rng: np.random.Generator, block: str) -> Weights:
    return {
        f"{block}attn_norm.weight": _ones(),
        f"{block}ssm_in.weight": _random(rng, 2 * _INNER, _WIDTH),
        f"{block}ssm_conv1d.weight": _random(rng, _INNER, _CONV, scale=0.3),
        f"{block}ssm_conv1d.bias": _random(rng, _INNER),
        f"{block}ssm_x.weight": _random(rng, _RANK + 2 * _STATE, _INNER),
        f"{block}ssm_dt.weight": _random(rng, _INNER, _RANK),
        f"{block}ssm_dt.bias": _random(rng, _INNER),
        f"{block}ssm_a": -np.abs(_random(rng, _INNER, _STATE, scale=1)) - np.float32(0.1),
        f"{block}ssm_d": _random(rng, _INNER, scale=1),
        f"{block}ssm_out.weight": _random(rng, _WIDTH, _INNER),
    }


_SSM = {
    "ssm.conv_kernel": _CONV, "ssm.inner_size": _INNER, "ssm.state_size": _STATE,
    "ssm.time_step_rank": _RANK,
}  # fmt: skip
_NO_ATTENTION = {"attention.head_count": 0, "feed_forward_length": 0}


def _mamba(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng)
    for layer in range(_LAYERS):
        weights |= _mamba_layer(rng, f"blk.{layer}.")
    return _SSM | _NO_ATTENTION, weights


def _mamba2(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    heads, groups = 4, 1
    columns = _INNER + 2 * groups * _STATE
    weights = _ends(rng)
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        weights |= {
            f"{block}attn_norm.weight": _ones(),
            f"{block}ssm_in.weight": _random(rng, _INNER + columns + heads, _WIDTH),
            f"{block}ssm_conv1d.weight": _random(rng, columns, _CONV, scale=0.3),
            f"{block}ssm_conv1d.bias": _random(rng, columns),
            f"{block}ssm_dt.bias": _random(rng, heads),
            f"{block}ssm_a": -np.abs(_random(rng, heads, 1, scale=1)) - np.float32(0.1),
            f"{block}ssm_d": _random(rng, heads, 1, scale=1),
            f"{block}ssm_norm.weight": np.ones((groups, _INNER // groups), np.float32),
            f"{block}ssm_out.weight": _random(rng, _WIDTH, _INNER),
        }
    keys = _SSM | _NO_ATTENTION | {"ssm.group_count": groups, "ssm.time_step_rank": heads}
    return keys, weights


def _rwkv6(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    mix, decay = 8, 16
    weights = _ends(rng) | {"output_norm.bias": _random(rng, _WIDTH)}
    weights |= {"token_embd_norm.weight": _ones(), "token_embd_norm.bias": _random(rng, _WIDTH)}
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        weights |= {
            f"{block}{name}": _random(rng, _WIDTH)
            for name in ("attn_norm.bias", "attn_norm_2.bias", "time_mix_ln.bias")
        }
        weights |= {
            f"{block}{name}.weight": _ones() for name in ("attn_norm", "attn_norm_2", "time_mix_ln")
        }
        names = ("lerp_x", "lerp_w", "lerp_k", "lerp_v", "lerp_r", "lerp_g")
        weights |= {f"{block}time_mix_{name}.weight": _random(rng, 1, 1, _WIDTH) for name in names}
        weights |= {
            f"{block}time_mix_{name}.weight": _random(rng, _WIDTH, _WIDTH)
            for name in ("key", "value", "receptance", "gate", "output")
        }
        weights |= {
            f"{block}time_mix_w1.weight": _random(rng, 5 * mix, _WIDTH),
            f"{block}time_mix_w2.weight": _random(rng, 5, _WIDTH, mix),
            f"{block}time_mix_first.weight": _random(rng, _HEADS, _HEAD),
            f"{block}time_mix_decay.weight": _random(rng, _WIDTH),
            f"{block}time_mix_decay_w1.weight": _random(rng, decay, _WIDTH),
            f"{block}time_mix_decay_w2.weight": _random(rng, _WIDTH, decay),
            f"{block}channel_mix_lerp_k.weight": _random(rng, 1, 1, _WIDTH),
            f"{block}channel_mix_lerp_r.weight": _random(rng, 1, 1, _WIDTH),
            f"{block}channel_mix_key.weight": _random(rng, _FEED, _WIDTH),
            f"{block}channel_mix_value.weight": _random(rng, _WIDTH, _FEED),
            f"{block}channel_mix_receptance.weight": _random(rng, _WIDTH, _WIDTH),
        }
    keys = {
        "attention.head_count": 0, "wkv.head_size": _HEAD, "rescale_every_n_layers": 6,
        "time_mix_extra_dim": mix, "time_decay_extra_dim": decay,
    }  # fmt: skip
    return keys, weights


def _lfm2(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = {"token_embd.weight": _random(rng, VOCABULARY, _WIDTH, scale=1)}
    weights["token_embd_norm.weight"] = _ones()
    for layer, kv_heads in enumerate(_ATTENDING):
        block = f"blk.{layer}."
        weights |= _feed_forward(rng, block) | {f"{block}attn_norm.weight": _ones()}
        if kv_heads:
            weights |= _attention(rng, block, kv_heads)
            weights |= {f"{block}attn_{each}_norm.weight": _ones(_HEAD) for each in "qk"}
        else:
            weights |= {
                f"{block}shortconv.conv.weight": _random(rng, _WIDTH, 3, scale=0.5),
                f"{block}shortconv.in_proj.weight": _random(rng, 3 * _WIDTH, _WIDTH),
                f"{block}shortconv.out_proj.weight": _random(rng, _WIDTH, _WIDTH),
            }
    keys = {
        "attention.head_count_kv": list(_ATTENDING), "block_count": len(_ATTENDING),
        "shortconv.l_cache": 3, "vocab_size": VOCABULARY, "rope.freq_base": 1e6,
    }  # fmt: skip
    return keys, weights


def _jamba(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng)
    for layer, kv_heads in enumerate(_ATTENDING):
        block = f"blk.{layer}."
        if kv_heads:
            weights |= _attention(rng, block, kv_heads)
        else:
            weights |= _mamba_layer(rng, block)
            widths = {"dt": _RANK, "b": _STATE, "c": _STATE}
            weights |= {f"{block}ssm_{name}_norm.weight": _ones(n) for name, n in widths.items()}
        weights |= _feed_forward(rng, block)
    keys = {"attention.head_count_kv": list(_ATTENDING), "block_count": len(_ATTENDING)}
    return _SSM | keys, weights


BUILDERS: dict[str, Callable[[np.random.Generator], tuple[dict[str, Any], Weights]]] = {
    "llama": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "llama-embed": _llama,
    "dream": _qwen2,
    "llada": _llama,
    "gemma-embedding": _gemma_embedding,
    "bert": _bert,
    "t5": lambda rng: _t5(rng, ("enc", "dec")),
    "t5encoder": lambda rng: _t5(rng, ("enc",)),
    "mamba": _mamba,
    "mamba2": _mamba2,
    "rwkv6": _rwkv6,
    "lfm2": _lfm2,
    "jamba": _jamba,
}
"""Makes the keys and the weights of an architecture."""
