"""Checkpoint in the classic Llama layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from scripts.demo.settings import BOS_ID, EOS_ID, Settings


def classic_config(settings: Settings) -> dict[str, Any]:
    """``config.json`` with the keys that Llama checkpoints have had from the start."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "hidden_act": "silu",
        "hidden_size": settings.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": settings.intermediate_size,
        "max_position_embeddings": settings.window_tokens,
        "model_type": "llama",
        "num_attention_heads": settings.heads,
        "num_hidden_layers": settings.layers,
        "num_key_value_heads": settings.kv_heads,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": settings.vocab_size,
    }


def tokenizer_config(settings: Settings) -> dict[str, Any]:
    """``tokenizer_config.json`` for ``LlamaTokenizer``."""
    special = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    pieces = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(index): {"content": piece, **special, "special": True}
            for index, piece in enumerate(pieces.values())
        },
        "clean_up_tokenization_spaces": False,
        "legacy": False,
        "model_max_length": settings.window_tokens,
        "pad_token": None,
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer",
        **pieces,
    }


def save_checkpoint(out: Path, model: LlamaForCausalLM, settings: Settings) -> None:
    """Write the weights and the JSON files of a Hugging Face checkpoint."""
    tensors = {
        name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    files: dict[str, dict[str, Any]] = {
        "config.json": classic_config(settings),
        "tokenizer_config.json": tokenizer_config(settings),
        "special_tokens_map.json": {
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
        },
        "generation_config.json": {
            "_from_model_config": True,
            "bos_token_id": BOS_ID,
            "eos_token_id": EOS_ID,
        },
    }
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
