"""Write a TinyLlama-shaped checkpoint of random weights, to measure speed and memory with.

The shape is that of arXiv 2401.02385; the values are noise, so its accuracy is chance. It needs the
tokenizer of a real checkpoint (Llama 2's SentencePiece model with 32,000 pieces).
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

CONFIG = {
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


def tensor_shapes(config: dict[str, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
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


def write_safetensors(path: Path, config: dict[str, int], seed: int) -> None:
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


def main(
    out: Annotated[Path, typer.Argument(help="Folder to create.")],
    tokenizer: Annotated[Path, typer.Option(help="SentencePiece model with 32,000 pieces.")],
    seed: Annotated[int, typer.Option(help="Seed of the weights.")] = 0,
    layers: Annotated[int, typer.Option(help="Number of layers; 22 is TinyLlama's.")] = 22,
) -> None:
    """Write a TinyLlama-shaped checkpoint of random weights (bf16, 2.2 GB at 22 layers)."""
    config = CONFIG | {"num_hidden_layers": layers}
    out.mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tokenizer_config = json.dumps(TOKENIZER_CONFIG, indent=2) + "\n"
    (out / "tokenizer_config.json").write_text(tokenizer_config, encoding="utf-8")
    shutil.copyfile(tokenizer, out / "tokenizer.model")
    write_safetensors(out / "model.safetensors", config, seed)
    typer.echo(out)


if __name__ == "__main__":
    typer.run(main)
