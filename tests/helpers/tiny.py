"""A tiny Llama checkpoint with random weights and a tokenizer of its own, made in a second."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import sentencepiece
from safetensors.numpy import save_file

from edgeval.gguf.parts import read_header

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 256,
    "intermediate_size": 512,
    "max_position_embeddings": 128,
    "model_type": "llama",
    "num_attention_heads": 8,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "vocab_size": 512,
}
_WORDS = re.findall(
    r"\w+",
    "the cook heats a pan and pours oil into it then she cracks two eggs while water boils for tea "
    "he washes his hands dries them folds the towel opens a window and sits down to read the paper",
)


def make_checkpoint(directory: Path, seed: int = 0, scale: float = 0.08) -> Path:
    """Write a float32 checkpoint with two layers, eight heads and two key-value heads."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True}
    (directory / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (directory / "tokenizer.model").write_bytes(make_tokenizer())
    save_file(_weights(seed, scale), directory / "model.safetensors")
    return directory


def make_items(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Return items in HellaSwag's schema: both groups, endings of different lengths."""
    rng = np.random.default_rng(seed)
    return [
        {
            "ind": index,
            "activity_label": f"Activity {index % 7}",
            "ctx_a": _phrase(rng, 8).capitalize() + ".",
            "ctx_b": "then she" if index % 3 else "",
            "ctx": "",
            "endings": [_phrase(rng, int(rng.integers(2, 9))) + "." for _ in range(4)],
            "source_id": f"{'wikihow' if index % 3 == 0 else 'activitynet'}~{index}",
            "label": str(int(rng.integers(4))),
        }
        for index in range(count)
    ]


def write_items(path: Path, items: list[dict[str, object]]) -> Path:
    """Write items as JSON lines."""
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def write_text(path: Path, sentences: int = 200, seed: int = 0) -> Path:
    """Write sentences of the tokenizer's own words, one a line."""
    rng = np.random.default_rng(seed)
    text = "".join(f"{_phrase(rng, 9).capitalize()}.\n" for _ in range(sentences))
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def make_expert_model(dense: Path, path: Path, n_experts: int = 4, n_used: int = 2) -> Path:
    """Write a GGUF whose feed-forward layers are experts, with the tokenizer of another one."""
    header = read_header(dense)
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in header.metadata.items():
        kind = header.types[key]
        if key == "general.architecture":
            continue
        if np.ndim(value) or isinstance(value, list):
            writer.add_key_value(key, list(value), gguf.GGUFValueType.ARRAY, kind)
        else:
            writer.add_key_value(key, value, gguf.GGUFValueType(kind))
    writer.add_expert_count(n_experts)
    writer.add_expert_used_count(n_used)
    rng = np.random.default_rng(0)
    for tensor in header.tensors:
        values = header.raw(tensor).view(np.float32).reshape(tensor.shape)
        name, part = tensor.name, tensor.name.split(".")[-2]
        if not part.startswith("ffn_") or part == "ffn_norm":
            writer.add_tensor(name, np.array(values))
            continue
        scale = rng.uniform(0.5, 2, (n_experts, 1, 1)).astype(np.float32)
        writer.add_tensor(name.replace(part, f"{part}_exps"), scale * values)
        if part == "ffn_up":
            router = rng.standard_normal((n_experts, values.shape[1]), dtype=np.float32)
            writer.add_tensor(name.replace(part, "ffn_gate_inp"), router)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _phrase(rng: np.random.Generator, words: int) -> str:
    return " ".join(str(word) for word in rng.choice(_WORDS, size=words))


def make_tokenizer() -> bytes:
    """Return a SentencePiece model of 512 pieces."""
    rng = np.random.default_rng(0)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([_phrase(rng, 12) for _ in range(300)]),
        model_writer=model,
        model_type="bpe",
        vocab_size=CONFIG["vocab_size"],
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()


def _weights(seed: int, scale: float) -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    hidden, feed_forward, vocab = 256, 512, 512
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocab, hidden)}
    for layer in range(2):
        block = f"model.layers.{layer}"
        shapes |= {
            f"{block}.input_layernorm.weight": (hidden,),
            f"{block}.post_attention_layernorm.weight": (hidden,),
            f"{block}.self_attn.q_proj.weight": (hidden, hidden),
            f"{block}.self_attn.k_proj.weight": (64, hidden),
            f"{block}.self_attn.v_proj.weight": (64, hidden),
            f"{block}.self_attn.o_proj.weight": (hidden, hidden),
            f"{block}.mlp.gate_proj.weight": (feed_forward, hidden),
            f"{block}.mlp.up_proj.weight": (feed_forward, hidden),
            f"{block}.mlp.down_proj.weight": (hidden, feed_forward),
        }
    shapes |= {"model.norm.weight": (hidden,), "lm_head.weight": (vocab, hidden)}
    return {
        name: (
            1 + 0.1 * rng.standard_normal(shape, dtype=np.float32)
            if len(shape) == 1
            else np.float32(scale) * rng.standard_normal(shape, dtype=np.float32)
        ).astype(np.float32)
        for name, shape in shapes.items()
    }
