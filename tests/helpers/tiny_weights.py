"""Weights of tiny models of many architectures: the keys and tensors that each one has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

VOCABULARY = 512
WIDTH, LAYERS, HEADS, _HEAD, FEED = 64, 2, 2, 32, 128
_INNER, _STATE, _RANK, _CONV = 128, 16, 8, 4
_ATTENDING = (0, 1, 0, 1)

Weights = dict[str, npt.NDArray[np.float32]]


def random_weights(rng: np.random.Generator, *shape: int, scale: float = 0.2) -> Any:
    return np.float32(scale) * rng.standard_normal(shape, dtype=np.float32)


def _ones(n: int | None = None) -> npt.NDArray[np.float32]:
    return np.ones(WIDTH if n is None else n, np.float32)


def _ends(rng: np.random.Generator, *, has_output: bool = True) -> Weights:
    found: Weights = {"token_embd.weight": random_weights(rng, VOCABULARY, WIDTH, scale=1)}
    found["output_norm.weight"] = _ones()
    if has_output:
        found["output.weight"] = random_weights(rng, VOCABULARY, WIDTH, scale=0.3)
    return found


def _attention(rng: np.random.Generator, block: str, kv_heads: int = 1) -> Weights:
    width, kv_width = HEADS * _HEAD, kv_heads * _HEAD
    return {
        f"{block}attn_norm.weight": _ones(),
        f"{block}attn_q.weight": random_weights(rng, width, WIDTH),
        f"{block}attn_k.weight": random_weights(rng, kv_width, WIDTH),
        f"{block}attn_v.weight": random_weights(rng, kv_width, WIDTH),
        f"{block}attn_output.weight": random_weights(rng, WIDTH, width),
    }


def _feed_forward(rng: np.random.Generator, block: str) -> Weights:
    return {
        f"{block}ffn_norm.weight": _ones(),
        f"{block}ffn_gate.weight": random_weights(rng, FEED, WIDTH),
        f"{block}ffn_up.weight": random_weights(rng, FEED, WIDTH),
        f"{block}ffn_down.weight": random_weights(rng, WIDTH, FEED),
    }


def _llama(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng)
    for layer in range(LAYERS):
        weights |= _attention(rng, f"blk.{layer}.") | _feed_forward(rng, f"blk.{layer}.")
    return {"attention.head_count_kv": 1, "rope.dimension_count": _HEAD}, weights


def _llama_like(rng: np.random.Generator, **vectors: int) -> tuple[dict[str, Any], Weights]:
    """Return Llama with more vectors in each block: their names, and their widths."""
    keys, weights = _llama(rng)
    for layer in range(LAYERS):
        weights |= {f"blk.{layer}.{name}": _ones(n) for name, n in vectors.items()}
    return keys, weights


def _qwen2(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    biases = {"attn_q.bias": HEADS * _HEAD, "attn_k.bias": _HEAD, "attn_v.bias": _HEAD}
    return _llama_like(rng, **biases)


def _qwen3(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    return _llama_like(rng, **{f"attn_{each}_norm.weight": _HEAD for each in "qk"})


def _gemma_embedding(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    names = ("post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm")
    widths = (WIDTH, WIDTH, _HEAD, _HEAD)
    keys, weights = _llama_like(
        rng, **{f"{name}.weight": n for name, n in zip(names, widths, strict=True)}
    )
    del weights["output.weight"]
    keys |= {"attention.sliding_window": 512, "rope.freq_base": 1e6}
    return keys, weights


def _bert(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = {
        "token_embd.weight": random_weights(rng, VOCABULARY, WIDTH, scale=1),
        "position_embd.weight": random_weights(rng, 2048, WIDTH),
        "token_types.weight": random_weights(rng, 2, WIDTH),
    }
    weights |= {"token_embd_norm.weight": _ones(), "token_embd_norm.bias": _ones()}
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        weights |= _attention(rng, block, HEADS) | _feed_forward(rng, block)
        for name in ("attn_norm", "ffn_norm", "ffn_gate"):
            del weights[f"{block}{name}.weight"]
        for name in ("attn_output_norm", "layer_output_norm"):
            weights |= {f"{block}{name}.weight": _ones(), f"{block}{name}.bias": _ones()}
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_down"):
            weights[f"{block}{name}.bias"] = _ones()
        weights[f"{block}ffn_up.bias"] = _ones(FEED)
    return {"pooling_type": 1, "tokenizer.ggml.token_type_count": 2}, weights


def _t5(rng: np.random.Generator, sides: tuple[str, ...]) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng, has_output="dec" in sides)
    del weights["output_norm.weight"]
    for side in sides:
        weights[f"{side}.output_norm.weight"] = _ones()
        for layer in range(LAYERS):
            block = f"{side}.blk.{layer}."
            weights |= _feed_forward(rng, block)
            for name in ("attn", *(["cross_attn"] if side == "dec" else [])):
                weights[f"{block}{name}_norm.weight"] = _ones()
                for part in "qkvo":
                    weights[f"{block}{name}_{part}.weight"] = random_weights(rng, WIDTH, WIDTH)
        weights[f"{side}.blk.0.attn_rel_b.weight"] = random_weights(rng, 32, HEADS)
    keys = {
        "attention.key_length": _HEAD, "attention.value_length": _HEAD,
        "attention.relative_buckets_count": 32, "decoder_start_token_id": 0,
    }  # fmt: skip
    return keys, weights


def _mamba_layer(rng: np.random.Generator, block: str) -> Weights:
    return {
        f"{block}attn_norm.weight": _ones(),
        f"{block}ssm_in.weight": random_weights(rng, 2 * _INNER, WIDTH),
        f"{block}ssm_conv1d.weight": random_weights(rng, _INNER, _CONV, scale=0.3),
        f"{block}ssm_conv1d.bias": random_weights(rng, _INNER),
        f"{block}ssm_x.weight": random_weights(rng, _RANK + 2 * _STATE, _INNER),
        f"{block}ssm_dt.weight": random_weights(rng, _INNER, _RANK),
        f"{block}ssm_dt.bias": random_weights(rng, _INNER),
        f"{block}ssm_a": -np.abs(random_weights(rng, _INNER, _STATE, scale=1)) - np.float32(0.1),
        f"{block}ssm_d": random_weights(rng, _INNER, scale=1),
        f"{block}ssm_out.weight": random_weights(rng, WIDTH, _INNER),
    }


_SSM = {
    "ssm.conv_kernel": _CONV, "ssm.inner_size": _INNER, "ssm.state_size": _STATE,
    "ssm.time_step_rank": _RANK,
}  # fmt: skip
_NO_ATTENTION = {"attention.head_count": 0, "feed_forward_length": 0}


def _mamba(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = _ends(rng)
    for layer in range(LAYERS):
        weights |= _mamba_layer(rng, f"blk.{layer}.")
    return _SSM | _NO_ATTENTION, weights


def _mamba2(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    heads, groups = 4, 1
    columns = _INNER + 2 * groups * _STATE
    weights = _ends(rng)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        weights |= {
            f"{block}attn_norm.weight": _ones(),
            f"{block}ssm_in.weight": random_weights(rng, _INNER + columns + heads, WIDTH),
            f"{block}ssm_conv1d.weight": random_weights(rng, columns, _CONV, scale=0.3),
            f"{block}ssm_conv1d.bias": random_weights(rng, columns),
            f"{block}ssm_dt.bias": random_weights(rng, heads),
            f"{block}ssm_a": -np.abs(random_weights(rng, heads, 1, scale=1)) - np.float32(0.1),
            f"{block}ssm_d": random_weights(rng, heads, 1, scale=1),
            f"{block}ssm_norm.weight": np.ones((groups, _INNER // groups), np.float32),
            f"{block}ssm_out.weight": random_weights(rng, WIDTH, _INNER),
        }
    keys = _SSM | _NO_ATTENTION | {"ssm.group_count": groups, "ssm.time_step_rank": heads}
    return keys, weights


def _rwkv6(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    mix, decay = 8, 16
    weights = _ends(rng) | {"output_norm.bias": random_weights(rng, WIDTH)}
    weights |= {
        "token_embd_norm.weight": _ones(),
        "token_embd_norm.bias": random_weights(rng, WIDTH),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        weights |= {
            f"{block}{name}": random_weights(rng, WIDTH)
            for name in ("attn_norm.bias", "attn_norm_2.bias", "time_mix_ln.bias")
        }
        weights |= {
            f"{block}{name}.weight": _ones() for name in ("attn_norm", "attn_norm_2", "time_mix_ln")
        }
        names = ("lerp_x", "lerp_w", "lerp_k", "lerp_v", "lerp_r", "lerp_g")
        weights |= {
            f"{block}time_mix_{name}.weight": random_weights(rng, 1, 1, WIDTH) for name in names
        }
        weights |= {
            f"{block}time_mix_{name}.weight": random_weights(rng, WIDTH, WIDTH)
            for name in ("key", "value", "receptance", "gate", "output")
        }
        weights |= {
            f"{block}time_mix_w1.weight": random_weights(rng, 5 * mix, WIDTH),
            f"{block}time_mix_w2.weight": random_weights(rng, 5, WIDTH, mix),
            f"{block}time_mix_first.weight": random_weights(rng, HEADS, _HEAD),
            f"{block}time_mix_decay.weight": random_weights(rng, WIDTH),
            f"{block}time_mix_decay_w1.weight": random_weights(rng, decay, WIDTH),
            f"{block}time_mix_decay_w2.weight": random_weights(rng, WIDTH, decay),
            f"{block}channel_mix_lerp_k.weight": random_weights(rng, 1, 1, WIDTH),
            f"{block}channel_mix_lerp_r.weight": random_weights(rng, 1, 1, WIDTH),
            f"{block}channel_mix_key.weight": random_weights(rng, FEED, WIDTH),
            f"{block}channel_mix_value.weight": random_weights(rng, WIDTH, FEED),
            f"{block}channel_mix_receptance.weight": random_weights(rng, WIDTH, WIDTH),
        }
    keys = {
        "attention.head_count": 0, "wkv.head_size": _HEAD, "rescale_every_n_layers": 6,
        "time_mix_extra_dim": mix, "time_decay_extra_dim": decay,
    }  # fmt: skip
    return keys, weights


def _lfm2(rng: np.random.Generator) -> tuple[dict[str, Any], Weights]:
    weights = {"token_embd.weight": random_weights(rng, VOCABULARY, WIDTH, scale=1)}
    weights["token_embd_norm.weight"] = _ones()
    for layer, kv_heads in enumerate(_ATTENDING):
        block = f"blk.{layer}."
        weights |= _feed_forward(rng, block) | {f"{block}attn_norm.weight": _ones()}
        if kv_heads:
            weights |= _attention(rng, block, kv_heads)
            weights |= {f"{block}attn_{each}_norm.weight": _ones(_HEAD) for each in "qk"}
        else:
            weights |= {
                f"{block}shortconv.conv.weight": random_weights(rng, WIDTH, 3, scale=0.5),
                f"{block}shortconv.in_proj.weight": random_weights(rng, 3 * WIDTH, WIDTH),
                f"{block}shortconv.out_proj.weight": random_weights(rng, WIDTH, WIDTH),
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
