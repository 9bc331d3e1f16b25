"""Every field of config.json is honoured, known to be harmless, or refused by name.

tests/golden/config_fields.json holds what eleven versions of transformers know, read from their
releases by scripts/golden/config_fields.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.config import LlamaConfig, read_config
from edgeval.checkpoints.convert.convert import convert
from edgeval.checkpoints.convert.fields import HARMLESS, HONOURED, RULES, check_fields
from edgeval.errors import CheckpointError
from tests.helpers.paths import GOLDEN

RELEASES: dict[str, dict[str, list[str]]] = json.loads(
    (GOLDEN / "config_fields.json").read_text(encoding="utf-8")
)
LOADING = {
    *("_from_auto", "_from_model_config", "_from_pipeline", "_pre_quantization_dtype", "cache_dir"),
    *("commit_message", "extra_config_files", "extra_files", "force_download", "local_files_only"),
    *("model_type", "proxies", "repo_id", "resume_download", "return_unused_kwargs", "revision"),
    *("standardize_rope_params", "sub_configs_defaults", "subfolder", "token", "use_auth_token"),
    "validate_rope",
}
"""Arguments of loading and saving, and methods: nothing that config.json says."""

READ_AND_HARMLESS = {
    "_attn_implementation": "which kernel computes the same attention",
    "attention_dropout": "zero but in training",
    "classifier_dropout": "of a head for tokens' classes",
    "hidden_dropout": "of a head for tokens' classes",
    "initializer_range": "of weights that are not in the file",
    "num_labels": "of a head for classes",
    "output_attentions": "what is returned beside logits",
    "output_hidden_states": "what is returned beside logits",
    "pretraining_tp": "in how many slices the same products are computed",
    "problem_type": "which loss is computed",
    "use_cache": "whether keys are kept for the next token",
    "use_return_dict": "as what logits are returned",
}
"""What the code of a Llama model reads, and why it may say anything all the same."""

PLAIN: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "silu",
}

# What the checkpoints of these families have on the hub beside the sizes.
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": {"max_sequence_length": 2048, "pad_token_id": 0, "torch_dtype": "float16"},
    "Llama 3.2": {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "eos_token_id": [128001, 128008, 128009],
        "head_dim": 16,
        "mlp_bias": False,
        "num_key_value_heads": 2,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "factor": 32.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "rope_theta": 500000.0,
        "tie_word_embeddings": True,
        "transformers_version": "4.45.0.dev0",
        "use_cache": True,
    },
    "TinyLlama": {
        "_name_or_path": "out",
        "initializer_range": 0.02,
        "max_position_embeddings": 2048,
        "rope_scaling": None,
        "transformers_version": "4.31.0.dev0",
    },
    "SmolLM2": {
        "is_llama_config": True,
        "rope_interleaved": False,
        "rope_scaling": None,
        "rope_theta": 100000,
        "transformers.js_config": {"dtype": "q4", "kv_cache_dtype": {"q4f16": "float16"}},
    },
    "deepseek-coder": {"rope_scaling": {"factor": 4.0, "type": "linear"}, "rope_theta": 100000},
    "a fine-tune": {
        "_attn_implementation_autoset": True,
        "_flash_attn_2_enabled": True,
        "gradient_checkpointing": False,
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        "neftune_noise_alpha": 5.0,
        "torch_dtype": "bfloat16",
        "unsloth_fixed": True,
        "unsloth_version": "2025.3.19",
        "use_flash_attn": True,
    },
    "transformers 5": {
        "chunk_size_feed_forward": 0,
        "dtype": "bfloat16",
        "is_encoder_decoder": False,
        "output_attentions": False,
        "per_layer_config": None,
        "pretraining_tp": 1,
        "problem_type": None,
        "return_dict": True,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        "transformers_version": "5.24.0",
    },
    "a window that covers all": {
        "layer_types": ["full_attention", "full_attention"],
        "max_position_embeddings": 4096,
        "max_window_layers": 28,
        "sliding_window": 4096,
        "use_sliding_window": False,
    },
}

ANYTHING = (True, 0, 7, -1.5, "text", [1], {"a": {"b": 1}})
OFF = (None, False, "", [], {})


def _named() -> Iterator[str]:
    for release in RELEASES.values():
        for names in release.values():
            yield from names


def test_all_that_transformers_knows_is_in_one_list() -> None:
    lists = [HONOURED, *HARMLESS.values(), RULES.keys()]
    names = [name for each in lists for name in each]
    assert len(names) == len(set(names))
    assert set(_named()) - set(names) <= LOADING


def test_what_the_model_reads_is_not_called_harmless_without_a_reason() -> None:
    read = {name for release in RELEASES.values() for name in release["reads"]}
    harmless = frozenset().union(*HARMLESS.values())
    assert {"hidden_act", "rms_norm_eps", "attention_bias", "rope_scaling"} <= read
    assert read & harmless == READ_AND_HARMLESS.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_what_checkpoints_on_the_hub_say_is_converted(family: str) -> None:
    config = PLAIN | FAMILIES[family]
    check_fields("config.json", config)
    assert LlamaConfig.model_validate(config).hidden_size == 64


@pytest.mark.parametrize("name", sorted(frozenset().union(*HARMLESS.values())))
def test_a_harmless_field_may_say_anything(name: str) -> None:
    for value in (*ANYTHING, *OFF):
        check_fields("config.json", PLAIN | {name: value})


@pytest.mark.parametrize("name", ["attn_temperature", "use_qk_norm", "clip_qkv", "n_layer", "_new"])
def test_an_unknown_field_is_refused_by_name_unless_it_is_off(name: str) -> None:
    for value in OFF:
        check_fields("config.json", PLAIN | {name: value})
    for value in ANYTHING:
        with pytest.raises(CheckpointError) as caught:
            check_fields("config.json", PLAIN | {name: value})
        assert f"{name}: {json.dumps(value)}" in str(caught.value)
        assert "remove it from config.json" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("hidden_act", ["silu", "swish"], ["relu", "gelu", "SiLU", None, "", 0, ["silu"]]),
        ("model_type", ["llama"], ["mistral", "", None]),
        ("is_causal", [True, None], [False, 0]),
        ("partial_rotary_factor", [1, 1.0, None], [0.5, 0, "1"]),
        ("rope_interleaved", [False, None], [True]),
        ("embedding_multiplier", [1.0, None], [12.0, 0]),
        ("attention_multiplier", [0.25, None], [1.0, 0.0078125]),
        ("num_local_experts", [0, None], [8, 1]),
        ("sliding_window", [None, 4096, 2048], [1024, "all"]),
        ("layer_types", [None, [], ["full_attention"]], [["sliding_attention"], "full_attention"]),
        ("pruned_heads", [{}, None], [{"0": [1]}]),
        ("is_encoder_decoder", [False, None], [True]),
        ("auto_map", [{}, None], [{"AutoConfig": "configuration.C"}]),
        ("quantization_config", [{}, None], [{"bits": 4}]),
        ("quantization", [{}, None], [{"group_size": 64, "bits": 4}]),
    ],
)
def test_a_field_that_changes_the_computation_says_what_llama_cpp_computes(
    name: str, allowed: list[Any], refused: list[Any]
) -> None:
    for value in allowed:
        check_fields("config.json", PLAIN | {name: value})
    for value in refused:
        with pytest.raises(CheckpointError, match=name):
            check_fields("config.json", PLAIN | {name: value})


def test_an_adapter_beside_the_weights_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "c"))
    (checkpoint / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"adapter_config.json is beside the weights.*merge"):
        convert(checkpoint, tmp_path / "c.gguf", "f16")


@pytest.mark.parametrize("name", RULES)
def test_no_rule_lets_anything_through(name: str) -> None:
    config = PLAIN | {"sliding_window": 16, "rope_scaling": {"rope_type": "llama3"}}
    with pytest.raises(CheckpointError):
        check_fields("config.json", config | {name: ["something", "else"]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rms_norm_eps": None}, "rms_norm_eps is null, .*write the number"),
        ({"max_position_embeddings": None}, "max_position_embeddings is null, .*write the number"),
        ({"attention_bias": "false"}, r"attention_bias: .*valid boolean"),
        ({"rope_theta": 5e5, "rope_parameters": {"rope_theta": 1e4}}, "rope_theta differs"),
        ({"rope_scaling": {"type": "linear", "rope_type": "llama3"}}, "linear and llama3 at once"),
        ({"rope_scaling": {"type": 5}}, "rope scaling '5'"),
        (
            {"rope_scaling": {"type": "linear", "factor": 2, "mscale": 0.7}},
            r"mscale.*does not know",
        ),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, "full_attention"),
        (
            {"rope_scaling": {"type": "default", "partial_rotary_factor": 0.5}},
            "a part of each head",
        ),
    ],
)
def test_what_makes_no_sense_is_no_damage(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    config = PLAIN | changes

    class Bare(Checkpoint):
        def __init__(self) -> None:
            self.directory, self.config = tmp_path, config

    with pytest.raises(CheckpointError, match=message) as caught:
        read_config(Bare())
    assert "download" not in str(caught.value)
