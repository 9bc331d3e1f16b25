"""SmolLM2-135M's checkpoint, as its GGUF holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.system.files import write_files
from tests.helpers.forms import tokenizers

_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}

Float32 = npt.NDArray[np.float32]


class Source:
    """The GGUF that the checkpoint is made of."""

    def __init__(self, path: Path) -> None:
        self._reader = gguf.GGUFReader(path)

    def value(self, key: str) -> Any:
        """Return a value of the metadata; None if there is none."""
        field = self._reader.get_field(key)
        return None if field is None else field.contents()

    def _number(self, key: str) -> float:
        """Return the number that was rounded to a float32."""
        return float(str(np.float32(self.value(key))))

    def special(self, name: str) -> tuple[str, int]:
        """Return the text and the id of ``bos``, ``eos``, ``unknown`` or ``padding``."""
        token = int(self.value(f"tokenizer.ggml.{name}_token_id"))
        return self.value("tokenizer.ggml.tokens")[token], token

    def weights(self) -> dict[str, Float32]:
        """Return the weights under the checkpoint's names, heads in the checkpoint's order."""
        heads = {
            "attn_q": self.value("llama.attention.head_count"),
            "attn_k": self.value("llama.attention.head_count_kv"),
        }
        found = {}
        for tensor in self._reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            if tensor.name == "token_embd.weight":
                found["model.embed_tokens.weight"] = values
            elif tensor.name == "output_norm.weight":
                found["model.norm.weight"] = values
            else:
                _, layer, name, _ = tensor.name.split(".")
                if name in heads:
                    split = values.reshape(heads[name], -1, 2, values.shape[1])
                    values = split.swapaxes(1, 2).reshape(values.shape)
                found[f"model.layers.{layer}.{_NAMES[name]}.weight"] = values
        return found

    def config(self) -> dict[str, Any]:
        """Return config.json."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "bos_token_id": self.special("bos")[1],
            "eos_token_id": self.special("eos")[1],
            "hidden_act": "silu",
            "hidden_size": self.value("llama.embedding_length"),
            "intermediate_size": self.value("llama.feed_forward_length"),
            "max_position_embeddings": self.value("llama.context_length"),
            "model_type": "llama",
            "num_attention_heads": self.value("llama.attention.head_count"),
            "num_hidden_layers": self.value("llama.block_count"),
            "num_key_value_heads": self.value("llama.attention.head_count_kv"),
            "pad_token_id": self.special("padding")[1],
            "rms_norm_eps": self._number("llama.attention.layer_norm_rms_epsilon"),
            "rope_interleaved": False,
            "rope_scaling": None,
            "rope_theta": self._number("llama.rope.freq_base"),
            "tie_word_embeddings": True,
            "torch_dtype": "float32",
            "vocab_size": self.value("llama.vocab_size"),
        }

    def tokenizer_config(self) -> dict[str, Any]:
        """Return tokenizer_config.json."""
        template = self.value("tokenizer.chat_template")
        return ({} if template is None else {"chat_template": template}) | {
            "add_prefix_space": False,
            "bos_token": self.special("bos")[0],
            "clean_up_tokenization_spaces": False,
            "eos_token": self.special("eos")[0],
            "pad_token": self.special("padding")[0],
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": self.special("unknown")[0],
        }

    def tokenizer(self) -> dict[str, Any]:
        """Return tokenizer.json, whose template adds nothing."""
        tokens = self.value("tokenizer.ggml.tokens")
        kinds = self.value("tokenizer.ggml.token_type")
        special = [index for index, kind in enumerate(kinds) if kind == gguf.TokenType.CONTROL]
        digits = {"type": "Digits", "individual_digits": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                tokenizers.added_entry(index, tokens[index], special=True) for index in special
            ],
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [digits, _BYTE_LEVEL | {"use_regex": True}],
            },
            "post_processor": None,
            "decoder": _BYTE_LEVEL | {"use_regex": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: index for index, token in enumerate(tokens)},
                "merges": self.value("tokenizer.ggml.merges"),
            },
        }

    def write_texts(self, folder: Path) -> None:
        """Write all files of the checkpoint but its weights.

        Args:
            folder: Where it is; created.

        Raises:
            EdgevalError: If one cannot be written.
        """
        contents = {
            "config.json": self.config(),
            "tokenizer_config.json": self.tokenizer_config(),
            "tokenizer.json": self.tokenizer(),
        }
        write_files({folder / name: json.dumps(each) + "\n" for name, each in contents.items()})
