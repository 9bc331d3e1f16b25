"""A TinyLlama-shaped checkpoint of random weights, to measure speed and memory with.

The shape is that of arXiv 2401.02385; the values are noise, so its accuracy is chance.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 5632,
    "max_position_embeddings": 2048,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 22,
    "num_key_value_heads": 4,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 32000,
}
TOKENIZER_CONFIG = {
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "tokenizer_class": "LlamaTokenizer",
    "unk_token": "<unk>",
}


def tensor_shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the names and shapes of a Llama checkpoint's tensors."""
    hidden, feed_forward, vocab = (
        config["hidden_size"],
        config["intermediate_size"],
        config["vocab_size"],
    )
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (vocab, hidden)
    for layer in range(config["num_hidden_layers"]):
        block = f"model.layers.{layer}"
        yield f"{block}.input_layernorm.weight", (hidden,)
        yield f"{block}.post_attention_layernorm.weight", (hidden,)
        yield f"{block}.self_attn.q_proj.weight", (hidden, hidden)
        yield f"{block}.self_attn.k_proj.weight", (keys, hidden)
        yield f"{block}.self_attn.v_proj.weight", (keys, hidden)
        yield f"{block}.self_attn.o_proj.weight", (hidden, hidden)
        yield f"{block}.mlp.gate_proj.weight", (feed_forward, hidden)
        yield f"{block}.mlp.up_proj.weight", (feed_forward, hidden)
        yield f"{block}.mlp.down_proj.weight", (hidden, feed_forward)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocab, hidden)


def random_bf16(shape: tuple[int, ...], rng: np.random.Generator) -> bytes:
    """Return a tensor's BF16 bytes: ones for a norm, else noise of standard deviation 0.02."""
    if len(shape) == 1:
        values = np.ones(shape, dtype=np.float32)
    else:
        values = rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
    return (values.view(np.uint32) >> 16).astype("<u2").tobytes()


def write_safetensors(path: Path, config: Mapping[str, Any], seed: int) -> None:
    """Write the weights one tensor at a time, in the safetensors format."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in tensor_shapes(config):
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in tensor_shapes(config):
            file.write(random_bf16(shape, rng))


def write(out: Path, tokenizer: Path, sizes: Mapping[str, int], seed: int = 0) -> None:
    """Write a checkpoint of random weights.

    Args:
        out: Folder to create.
        tokenizer: SentencePiece model with 32,000 pieces.
        sizes: What differs from TinyLlama's ``CONFIG``, which makes 2.2 GB of bf16.
        seed: Seed of the weights.
    """
    config = {**CONFIG, **sizes}
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer_config = json.dumps(TOKENIZER_CONFIG, indent=2) + "\n"
    (out / "tokenizer_config.json").write_text(tokenizer_config, encoding="utf-8")
    shutil.copyfile(tokenizer, out / "tokenizer.model")
    write_safetensors(out / "model.safetensors", config, seed)
