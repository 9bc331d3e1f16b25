"""Fields of config.json: which are understood, and what each may say.

The fields are those of ``PretrainedConfig`` and ``LlamaConfig`` of Hugging Face transformers 4.28
to 5.24, what their modelling code reads of them, and what trainers are known to leave there.
Whatever else stands there may be what makes the model another one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

Config = Mapping[str, Any]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


HONOURED = _names("""
    architectures attention_bias bos_token_id cls_token_id eos_token_id head_dim hidden_size
    intermediate_size mask_token_id max_position_embeddings mlp_bias num_attention_heads
    num_hidden_layers num_key_value_heads pad_token_id rms_norm_eps rope_parameters rope_scaling
    rope_theta sep_token_id tie_word_embeddings unk_token_id vocab_size
""")
"""What the GGUF is made of."""

HARMLESS: Mapping[str, frozenset[str]] = {
    reason: _names(names)
    for reason, names in {
        "only generating text reads it": """
            assistant_confidence_threshold assistant_early_exit assistant_ensemble_weight
            assistant_lookbehind bad_words_ids begin_suppress_tokens cache_config
            cache_implementation compile_config constraints continuous_batching_config
            decoder_start_token_id disable_compile diversity_penalty do_sample dola_layers
            early_stopping encoder_no_repeat_ngram_size encoder_repetition_penalty epsilon_cutoff
            force_bos_token_to_be_generated
            eta_cutoff exponential_decay_length_penalty force_words_ids forced_bos_token_id
            forced_decoder_ids forced_eos_token_id generation_config generation_kwargs
            guidance_scale is_assistant length_penalty low_memory max_cache_len max_length
            max_matching_ngram_size max_new_tokens max_time min_length min_new_tokens min_p
            no_repeat_ngram_size num_assistant_tokens num_assistant_tokens_schedule
            num_beam_groups num_beams num_return_sequences output_logits output_scores
            penalty_alpha prefill_chunk_size prefix prompt_lookup_num_tokens remove_invalid_values
            renormalize_logits repetition_penalty return_dict_in_generate return_legacy_cache
            sequence_bias speculation_type stop_strings suppress_tokens target_lookbehind
            temperature token_healing top_h top_k top_p typical_p use_cache use_mtp
            watermarking_config
        """,
        "only training reads it": """
            attention_dropout attention_probs_dropout_prob attn_pdrop embd_pdrop embedding_dropout
            gradient_checkpointing hidden_dropout hidden_dropout_prob init_std initializer_range
            neftune_noise_alpha output_router_logits resid_pdrop router_aux_loss_coef
            tf_legacy_loss use_liger_kernel
        """,
        "another head or task reads it": """
            classifier_dropout finetuning_task id2label label2id num_labels problem_type
            task_specific_params tie_encoder_decoder
        """,
        "it changes what a call returns, not what is computed": """
            output_attentions output_hidden_states return_dict tie_last_hidden_states torchscript
            use_return_dict
        """,
        "it changes how the same is computed": """
            _attn_implementation _attn_implementation_autoset _attn_implementation_internal
            _experts_implementation _experts_implementation_internal _flash_attn_2_enabled
            attn_implementation chunk_size_feed_forward dtype experts_implementation
            pretraining_tp torch_dtype use_bfloat16 use_flash_attention use_flash_attn xla_device
        """,
        "it is bookkeeping": """
            _auto_class _commit_hash _name_or_path attribute_map base_config_key
            base_model_ep_plan base_model_fsdp_plan base_model_pp_plan base_model_tp_plan
            has_no_defaults_at_init ignore_keys_at_rope_validation is_composition is_decoder
            is_llama_config keys_to_ignore_at_inference name_or_path sub_configs
            transformers.js_config transformers_version trl_version
            unsloth_fixed unsloth_version
        """,
        "tokenizers and data sets are cut to it": """
            max_seq_len max_seq_length max_sequence_length model_max_length
            tokenizer_class tokenizer_model_max_length
        """,
    }.items()
}
"""Fields that may say anything, by the reason why."""

_HARMLESS = frozenset().union(*HARMLESS.values())


def _is_off(value: Any) -> bool:
    """Whether a value says that there is no such thing."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _only(*allowed: Any) -> Callable[[Any, Config], bool]:
    return lambda value, _: any(value == each and type(value) is type(each) for each in allowed)


def _off(value: Any, _: Config) -> bool:
    return _is_off(value)


def _one(value: Any, _: Config) -> bool:
    return _is_off(value) or (isinstance(value, int | float) and value == 1)


def _zero(value: Any, _: Config) -> bool:
    return _is_off(value) or value == 0


def _covers_window(value: Any, config: Config) -> bool:
    """Whether attention reaches over the whole window all the same."""
    if _is_off(value) or config.get("use_sliding_window") is False:
        return True
    window = config.get("max_position_embeddings", 2048)
    return all(isinstance(each, int | float) for each in (value, window)) and value >= window


def _has_no_window(_: Any, config: Config) -> bool:
    return _covers_window(config.get("sliding_window"), config)


def _all_full(value: Any, _: Config) -> bool:
    return _is_off(value) or (
        isinstance(value, list) and all(each in ("full_attention", "attention") for each in value)
    )


def _is_said_inside(value: Any, config: Config) -> bool:
    """Whether the window before an extension is said, or read, nowhere else."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    inner = rope.get("original_max_position_embeddings") if isinstance(rope, dict) else None
    kind = rope.get("rope_type", rope.get("type")) if isinstance(rope, dict) else None
    return _is_off(value) or kind != "llama3" or value == inner


def _scales_as_usual(value: Any, config: Config) -> bool:
    heads, hidden = config.get("num_attention_heads"), config.get("hidden_size")
    size = config.get("head_dim") or (hidden / heads if heads and hidden else 1)
    return _is_off(value) or (
        isinstance(value, int | float) and math.isclose(value, size**-0.5, rel_tol=1e-6)
    )


_SILU = "llama.cpp computes SiLU in every Llama model"
_LLAMA = "transformers chooses the code by it, and edgeval converts what its Llama code computes"
_WINDOW = "edgeval converts attention over the whole window"
_EXPERTS = "edgeval converts models without experts"
_SCALE = "llama.cpp's Llama models have no such factor"

RULES: Mapping[str, tuple[Callable[[Any, Config], bool], str]] = {
    "hidden_act": (_only("silu", "swish"), _SILU),
    "hidden_activation": (_only("silu", "swish", None), _SILU),
    "model_type": (_only("llama"), _LLAMA),
    "auto_map": (_off, "the model brings code of its own, which edgeval does not run"),
    "is_encoder_decoder": (_off, "edgeval converts decoders"),
    "is_causal": (_only(True, None), "edgeval evaluates models that predict the next token"),
    "add_cross_attention": (_off, "edgeval converts models without cross-attention"),
    "cross_attention_hidden_size": (_off, "edgeval converts models without cross-attention"),
    "pruned_heads": (_off, "edgeval converts models that have all their heads"),
    "per_layer_config": (_off, "edgeval converts models whose layers are alike"),
    "sliding_window": (_covers_window, _WINDOW),
    "use_sliding_window": (_has_no_window, _WINDOW),
    "max_window_layers": (_has_no_window, _WINDOW),
    "layer_types": (_all_full, _WINDOW),
    "rope_interleaved": (_off, "edgeval converts heads whose halves are rotated, as transformers'"),
    "partial_rotary_factor": (_one, "edgeval converts heads that are rotated as a whole"),
    "rotary_pct": (_one, "edgeval converts heads that are rotated as a whole"),
    "original_max_position_embeddings": (
        _is_said_inside,
        "rope_scaling says otherwise, or does not say it",
    ),
    "attention_multiplier": (_scales_as_usual, _SCALE),
    "embedding_multiplier": (_one, _SCALE),
    "logit_scale": (_one, _SCALE),
    "logits_scaling": (_one, _SCALE),
    "residual_multiplier": (_one, _SCALE),
    "num_experts": (_zero, _EXPERTS),
    "num_experts_per_tok": (_zero, _EXPERTS),
    "num_local_experts": (_zero, _EXPERTS),
    "n_routed_experts": (_zero, _EXPERTS),
    "n_shared_experts": (_zero, _EXPERTS),
}
"""Fields that may say some things only: whether a value is one, and why not others."""

_QUANTIZED = ("quantization_config", "quantization", "compression_config")
_LONGEST_VALUE = 60
_MOST_NAMED = 5


def check_fields(where: object, config: Config) -> None:
    """Raise if a field says what would not be in the GGUF, or may say so.

    A field that is unknown is harmless where it is null, false or empty.

    Args:
        where: What is named in a sentence: config.json.
        config: Its content.

    Raises:
        CheckpointError: If one does.
    """
    for name in _QUANTIZED:
        if not _is_off(config.get(name)):
            raise CheckpointError(
                f"{where} has {name}{_method(config[name])}, so the checkpoint is quantized "
                "already, or transformers would quantize it when it loads it; use the unquantized "
                f"checkpoint, or remove {name} there if its weights are as they were trained"
            )
    for name, (allows, reason) in RULES.items():
        if name in config and not allows(config[name], config):
            raise CheckpointError(
                f"{where} says {name}: {_short(config[name])}, and {reason}; {_REMEDY}"
            )
    unknown = [name for name in config if not _is_known(name) and not _is_off(config[name])]
    if unknown:
        listed = ", ".join(f"{name}: {_short(config[name])}" for name in unknown[:_MOST_NAMED])
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise CheckpointError(
            f"{where} says {listed}{more}, which edgeval does not know and which may change what "
            f"the model computes; {_REMEDY}"
        )


def _method(value: Any) -> str:
    method = value.get("quant_method") if isinstance(value, dict) else None
    return f" ({printable(method, 40)})" if isinstance(method, str) else ""


_REMEDY = (
    "if the model computes the same without it, remove it from config.json, and otherwise evaluate "
    "another model"
)


def _is_known(name: str) -> bool:
    return name in HONOURED or name in _HARMLESS or name in RULES or name in _QUANTIZED


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
