"""The demo checkpoint, rewritten into the forms in which Llama checkpoints are found on the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.helpers.forms import tokenizers as tokenizers
from tests.helpers.forms.form import Form, Layout, as_bytes, demo

Change = Callable[[Form], None]


def _unrounded(form: Form) -> None:
    """Give the weights digits that neither F16 nor BF16 holds, so that rounding is seen."""
    rng = np.random.default_rng(7)
    for name, values in form.weights.items():
        noise = rng.uniform(-1, 1, values.shape).astype(np.float32)
        form.weights[name] = values * (1 + np.float32(2.0**-9) * noise)


def _as_f32(form: Form) -> None:
    form.dtype = "F32"
    _unrounded(form)


def _as_f16(form: Form) -> None:
    form.dtype = "F16"


def _laid_out(layout: Layout) -> Change:
    def apply(form: Form) -> None:
        form.layout = layout

    return apply


def _both(first: Change, second: Change) -> Change:
    def apply(form: Form) -> None:
        first(form)
        second(form)

    return apply


def _tied(form: Form) -> None:
    form.config["tie_word_embeddings"] = True
    del form.weights["lm_head.weight"]


def _tied_with_output(form: Form) -> None:
    """The embeddings, written a second time under the name of the output."""
    form.config["tie_word_embeddings"] = True
    form.weights["lm_head.weight"] = form.weights["model.embed_tokens.weight"]


def _all_heads(form: Form) -> None:
    """Every query head has a key-value head, and the config of a first Llama says no number."""
    del form.config["num_key_value_heads"]
    for name, values in form.weights.items():
        if "k_proj" in name or "v_proj" in name:
            heads = values.reshape(2, 32, -1)
            form.weights[name] = np.repeat(heads, 4, axis=0).reshape(256, -1)


def _attention_bias(form: Form) -> None:
    form.config["attention_bias"] = True
    rng = np.random.default_rng(3)
    for name in [name for name in form.weights if "self_attn" in name]:
        bias = rng.uniform(-1, 1, len(form.weights[name])).astype(np.float32)
        form.weights[name.replace(".weight", ".bias")] = _bf16(bias)


def _head_dim(form: Form) -> None:
    form.config["head_dim"] = 64
    for name, values in form.weights.items():
        if any(each in name for each in ("q_proj", "k_proj", "v_proj")):
            form.weights[name] = np.concatenate([values, values[::-1]])
        elif "o_proj" in name:
            form.weights[name] = np.concatenate([values, values[:, ::-1]], axis=1)


def _buffers(form: Form) -> None:
    for layer in range(2):
        name = f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"
        form.weights[name] = _bf16(np.linspace(1, 0.001, 16, dtype=np.float32))


def _ragged_rows(form: Form) -> None:
    """Rows that are no whole number of blocks of 32."""
    form.config["intermediate_size"] = 760
    for name, values in form.weights.items():
        if "down_proj" in name:
            form.weights[name] = np.ascontiguousarray(values[:, :760])
        elif "gate_proj" in name or "up_proj" in name:
            form.weights[name] = values[:760]


def _configured(**changes: Any) -> Change:
    def apply(form: Form) -> None:
        form.config |= changes

    return apply


def _bare_config(form: Form) -> None:
    """Only what transformers has no default for, as the first Llama checkpoints have it."""
    needed = ("architectures", "hidden_size", "intermediate_size", "model_type", "vocab_size")
    kept = (*needed, "num_attention_heads", "num_hidden_layers")
    _all_heads(form)
    form.config = {name: form.config[name] for name in kept}


def _rope_parameters(form: Form) -> None:
    del form.config["rope_theta"], form.config["rope_scaling"]
    form.config["rope_parameters"] = {"rope_type": "default", "rope_theta": 500000.0}


_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}


def _llama3_rope_with_head_dim(form: Form) -> None:
    _head_dim(form)
    del form.config["rope_theta"], form.config["rope_scaling"]
    form.config["rope_parameters"] = _LLAMA3_ROPE | {"rope_theta": 500000.0}


def _with_tokenizer_json(form: Form) -> None:
    form.files["tokenizer.json"] = json.dumps(tokenizers.sentencepiece_json())


def _added_tokens(form: Form) -> None:
    form.resize(4100)
    form.files["added_tokens.json"] = json.dumps({"<extra>": 4096, "[more]": 4097})


def _added_tokens_decoder(form: Form) -> None:
    form.resize(4104)
    form.tokenizer_config["added_tokens_decoder"] |= {
        "4096": {"content": "<|im_start|>", "special": False},
        "4097": {"content": "[\u2581a word]", "special": False},
        "4098": {"content": "[PAD]", "special": True},
        "4200": {"content": "beyond", "special": True},
    }
    form.tokenizer_config["pad_token"] = {"content": "[PAD]", "special": True}


def _chat_template(form: Form) -> None:
    form.tokenizer_config["chat_template"] = (
        "{% for message in messages %}{{ message }}{% endfor %}"
    )


def _chat_template_file(form: Form) -> None:
    form.files["chat_template.jinja"] = "{{ messages }}\n"


def _no_dummy_prefix(form: Form) -> None:
    """A SentencePiece model whose normalizer_spec (3) says no add_dummy_prefix (3)."""
    form.files["tokenizer.model"] = as_bytes(form.files["tokenizer.model"]) + b"\x1a\x02\x18\x00"


def _no_prefix_space(form: Form) -> None:
    form.tokenizer_config["add_prefix_space"] = False


def _no_tokenizer_config(form: Form) -> None:
    form.tokenizer_config.clear()


def _code_llama(form: Form) -> None:
    form.resize(32016)


def _granite(form: Form) -> None:
    form.resize(49152)


def _model_card(form: Form) -> None:
    form.files["README.md"] = (
        "---\nlicense: apache-2.0\nlanguage:\n- en\ntags:\n- tiny\nbase_model:\n- some/Base-1B\n"
        "datasets:\n- some/data\nmodel_name: A Demo\n---\n# A demo\n"
    )


def _only_sentencepiece_json(form: Form) -> None:
    del form.files["tokenizer.model"]
    _with_tokenizer_json(form)
    form.tokenizer_config["add_bos_token"] = True


def _only_sentencepiece_json_added(form: Form) -> None:
    _only_sentencepiece_json(form)
    form.resize(4098)
    more = [
        tokenizers.added_entry(4096, "<|im_start|>", special=True),
        tokenizers.added_entry(4097, "[word]"),
    ]
    form.files["tokenizer.json"] = json.dumps(tokenizers.sentencepiece_json(added=more))
    form.tokenizer_config["added_tokens_decoder"] |= {
        str(entry["id"]): {key: entry[key] for key in entry if key != "id"} for entry in more
    }


def _byte_level(form: Form, **options: bool) -> None:
    for name in ("tokenizer.model", "special_tokens_map.json"):
        del form.files[name]
    content = tokenizers.byte_level_json(**options)
    ids = [entry["id"] for entry in content["added_tokens"]]
    form.files["tokenizer.json"] = json.dumps(content)
    form.files["generation_config.json"] = json.dumps({"eos_token_id": ids[1:]})
    # Rows up to a multiple of 64, as padded embeddings have.
    form.resize((ids[-1] // 64 + 1) * 64)
    form.config |= {"bos_token_id": ids[0], "eos_token_id": ids[1]}
    form.tokenizer_config.clear()
    form.tokenizer_config |= {
        "added_tokens_decoder": {
            str(entry["id"]): {key: entry[key] for key in entry if key != "id"}
            for entry in content["added_tokens"]
        },
        "bos_token": "<|begin_of_text|>",
        "clean_up_tokenization_spaces": True,
        "eos_token": "<|end_of_text|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def _byte_level_pairs(form: Form) -> None:
    _byte_level(form, pairs=True)


def _byte_level_without_bos(form: Form) -> None:
    _byte_level(form, adds_bos=False)


def _template_against_config(form: Form) -> None:
    """A tokenizer.json that adds BOS, beside a config that says no: the former counts."""
    _with_tokenizer_json(form)
    form.tokenizer_config["add_bos_token"] = False


def _add_eos(form: Form) -> None:
    form.tokenizer_config["add_eos_token"] = True


def _generation_config(form: Form) -> None:
    form.files["generation_config.json"] = json.dumps(
        {"temperature": 0.6, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.05, "min_p": 0.1}
    )


def _bf16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


FORMS: dict[str, Change] = {
    "as-it-is": lambda form: None,
    "f32-source": _as_f32,
    "f16-source": _as_f16,
    "shards": _laid_out("safetensors shards"),
    "bin": _laid_out("bin"),
    "bin-shards": _laid_out("bin shards"),
    "bin-f32": _both(_as_f32, _laid_out("bin")),
    "bin-f16": _both(_as_f16, _laid_out("bin")),
    "tied": _tied,
    "tied-with-output": _tied_with_output,
    "all-heads": _all_heads,
    "attention-bias": _attention_bias,
    "head-dim": _head_dim,
    "buffers": _buffers,
    "ragged-rows": _ragged_rows,
    "bare-config": _bare_config,
    "rope-theta": _configured(rope_theta=1e6),
    "rope-linear": _configured(rope_scaling={"type": "linear", "factor": 4.0}),
    "rope-llama3": _configured(rope_scaling=_LLAMA3_ROPE, rope_theta=500000.0),
    "rope-llama3-head-dim": _llama3_rope_with_head_dim,
    "rope-parameters": _rope_parameters,
    "with-tokenizer-json": _with_tokenizer_json,
    "added-tokens": _added_tokens,
    "added-tokens-decoder": _added_tokens_decoder,
    "padded-vocabulary": lambda form: form.resize(4160),
    "chat-template": _chat_template,
    "chat-template-file": _chat_template_file,
    "no-dummy-prefix": _no_dummy_prefix,
    "no-prefix-space": _no_prefix_space,
    "no-tokenizer-config": _no_tokenizer_config,
    "code-llama": _code_llama,
    "granite": _granite,
    "model-card": _model_card,
    "only-sentencepiece-json": _only_sentencepiece_json,
    "only-sentencepiece-json-added": _only_sentencepiece_json_added,
    "byte-level": _byte_level,
    "byte-level-pairs": _byte_level_pairs,
    "byte-level-without-bos": _byte_level_without_bos,
    "template-against-config": _template_against_config,
    "add-eos": _add_eos,
    "generation-config": _generation_config,
}
"""What is changed of the demo checkpoint, by name."""


def write(name: str, parent: Path) -> Path:
    """Write one form below a folder and return its directory."""
    form = demo()
    FORMS[name](form)
    return form.write(parent / f"demo-{name}")
