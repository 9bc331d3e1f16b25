"""The demo checkpoint, changed in ways that decide its tokens or what it computes.

``REFUSED`` are those that no GGUF of a Llama model says; all others are to be evaluated as
lm-evaluation-harness evaluates the checkpoint.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from edgeval.checkpoints.cards import cards_folder
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.item import Item
from tests.helpers.forms import checkpoints as forms
from tests.helpers.forms import tokenizers as tokenizers
from tests.helpers.forms.checkpoints import Change, Form
from tests.helpers.paths import GOLDEN

PERPLEXITY = ("plain", "add-eos")
"""What llama-perplexity --hellaswag was asked for, and for how many items."""
N_PERPLEXITY = 100

RECORDED = GOLDEN / "meanings.json"
N_REAL = 3

_BOS, _EOS = ("<s>", 1), ("</s>", 2)


def items() -> list[Item]:
    """Return items of the demo, and some whose texts or boundaries are unusual."""
    real = HELLASWAG.load(cards_folder() / "demo" / "items.jsonl").items("lm-eval")[:N_REAL]
    odd = (
        ("The farmer walks  to the barn.\n", ("He feeds\tthe cows.", " two spaces")),
        (
            "A girl\u2019s caf\u00e9 \uff26\uff55\uff4c\uff4c",
            ("\ufb01ne 1234567 \U0001f680", "No."),
        ),
        (SPECIAL, ("sings.", "is wide.")),
    )
    made = [
        Item(f"odd {n}", "all", (context,), endings, 0) for n, (context, endings) in enumerate(odd)
    ]
    return [*real, *made]


def text_items() -> list[Item]:
    """Return the items that llama-perplexity is asked."""
    data = HELLASWAG.load(cards_folder() / "demo" / "items.jsonl")
    return data.items("text")[:N_PERPLEXITY]


def pairs() -> list[tuple[str, str]]:
    """Return each choice with its context, as lm-evaluation-harness is asked."""
    return [(context, f" {choice}") for item in items() for context, choice in item.pairs]


def _flags(**flags: bool | None) -> Change:
    def apply(form: Form) -> None:
        for name, value in flags.items():
            form.tokenizer_config.pop(name, None)
            if value is not None:
                form.tokenizer_config[name] = value

    return apply


def _config(**changes: Any) -> Change:
    return lambda form: form.config.update(changes)


def _json(
    *ends: str,
    beside: bool = True,
    flags: Mapping[str, bool] | None = None,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> Change:
    """Bring a tokenizer.json whose template adds ``bos``, ``eos`` or neither.

    Args:
        ends: What it adds.
        beside: Whether tokenizer.model stays beside it.
        flags: What tokenizer_config.json says.
        change: What is changed of it then.
    """

    def apply(form: Form) -> None:
        content = tokenizers.sentencepiece_json()
        content["post_processor"] = template(ends, _BOS, _EOS)
        if change:
            change(content)
        form.files["tokenizer.json"] = json.dumps(content)
        if not beside:
            del form.files["tokenizer.model"]
        for name in ("add_bos_token", "add_eos_token"):
            form.tokenizer_config.pop(name, None)
        form.tokenizer_config |= flags or {}
        form.tokenizer_config["tokenizer_class"] = "PreTrainedTokenizerFast"

    return apply


def template(
    ends: Sequence[str], bos: tuple[str, int], eos: tuple[str, int]
) -> dict[str, Any] | None:
    """Return a post-processor that adds tokens at the ends of a text; None for none."""
    if not ends:
        return None

    def special(name: str, token: tuple[str, int]) -> list[dict[str, Any]]:
        return [{"SpecialToken": {"id": token[0], "type_id": 0}}] if name in ends else []

    def whole(name: str) -> list[dict[str, Any]]:
        sequence = {"Sequence": {"id": name, "type_id": 0}}
        return [*special("bos", bos), sequence, *special("eos", eos)]

    used = [token for name, token in (("bos", bos), ("eos", eos)) if name in ends]
    return {
        "type": "TemplateProcessing",
        "single": whole("A"),
        "pair": [*whole("A"), *whole("B")],
        "special_tokens": {text: {"id": text, "ids": [i], "tokens": [text]} for text, i in used},
    }


def _byte_level(*ends: str, change: Callable[[dict[str, Any]], None] | None = None) -> Change:
    def apply(form: Form) -> None:
        forms._byte_level(form)
        content = json.loads(form.files["tokenizer.json"])
        entries = [(entry["content"], entry["id"]) for entry in content["added_tokens"]]
        step = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}
        ended = template(ends, entries[0], entries[1])
        steps = [step | {"use_regex": True}, *([ended] if ended else [])]
        content["post_processor"] = {"type": "Sequence", "processors": steps}
        if change:
            change(content)
        form.files["tokenizer.json"] = json.dumps(content)

    return apply


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of one value of a tokenizer.json, found by its keys with dots between."""

    def apply(content: dict[str, Any]) -> None:
        *outer, last = path.split(".")
        for key in outer:
            content = content[key]
        content[last] = value

    return apply


def _normalized(*more: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def apply(content: dict[str, Any]) -> None:
        content["normalizer"]["normalizers"] = [*more, *content["normalizer"]["normalizers"]]

    return apply


def _metaspace(scheme: str) -> Callable[[dict[str, Any]], None]:
    def apply(content: dict[str, Any]) -> None:
        content["normalizer"] = None
        content["pre_tokenizer"] = {
            "type": "Metaspace",
            "replacement": "\u2581",
            "prepend_scheme": scheme,
            "split": False,
        }

    return apply


def _reversed_merges(content: dict[str, Any]) -> None:
    content["model"]["merges"].reverse()


def _two_tokens(content: dict[str, Any]) -> None:
    content["post_processor"]["single"].insert(0, {"SpecialToken": {"id": "<s>", "type_id": 0}})


def _sentencepiece(**options: Any) -> Change:
    """Bring a tokenizer.model of its own, trained on the demo's items."""

    def apply(form: Form) -> None:
        lines = (cards_folder() / "demo" / "items.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        corpus = [text for row in rows for text in (row["ctx"], *row["endings"])]
        out = io.BytesIO()
        plain = {
            "model_type": "bpe",
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
        }
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus),
            model_writer=out,
            vocab_size=600,
            byte_fallback=True,
            hard_vocab_limit=False,
            num_threads=1,
            minloglevel=2,
            **(plain | options),
        )
        form.files["tokenizer.model"] = out.getvalue()

    return apply


def _mlp_bias(form: Form) -> None:
    form.config["mlp_bias"] = True
    rng = np.random.default_rng(5)
    for name in [name for name in form.weights if ".mlp." in name]:
        bias = rng.uniform(-0.3, 0.3, len(form.weights[name])).astype(np.float32)
        form.weights[name.replace(".weight", ".bias")] = forms._bf16(bias)


def _bias_unsaid(form: Form) -> None:
    forms._attention_bias(form)
    del form.config["attention_bias"]


def _other_output(form: Form) -> None:
    form.config["tie_word_embeddings"] = True


def _adds(text: str) -> Change:
    """Add a token that is not special to tokenizer.model."""

    def apply(form: Form) -> None:
        form.resize(4100)
        entry = {"content": text, "special": False}
        form.tokenizer_config["added_tokens_decoder"] |= {"4096": entry}

    return apply


_LLAMA3 = forms._LLAMA3_ROPE

EVALUATED: Mapping[str, Change] = {
    "plain": lambda form: None,
    "add-eos": _flags(add_eos_token=True),
    "no-bos": _flags(add_bos_token=False),
    "no-bos-add-eos": _flags(add_bos_token=False, add_eos_token=True),
    "json-bos": _json("bos"),
    "json-bos-against-config": _json("bos", flags={"add_bos_token": False}),
    "json-bos-eos": _json("bos", "eos"),
    "json-eos-against-config": _json("eos", flags={"add_bos_token": True}),
    "json-none-against-config": _json(flags={"add_bos_token": True, "add_eos_token": True}),
    "json-none": _json(),
    "only-json-bos": _json("bos", beside=False),
    "only-json-bos-against-config": _json("bos", beside=False, flags={"add_bos_token": False}),
    "only-json-none": _json(beside=False),
    "only-json-bos-eos": _json("bos", "eos", beside=False),
    "only-json-metaspace-first": _json("bos", beside=False, change=_metaspace("first")),
    "only-json-metaspace-never": _json("bos", beside=False, change=_metaspace("never")),
    "byte-level-bos": _byte_level("bos"),
    "byte-level-none": _byte_level(),
    "byte-level-bos-eos": _byte_level("bos", "eos"),
    "byte-level-eos": _byte_level("eos"),
    "byte-level-words-not-looked-up": _byte_level("bos", change=_set("model.ignore_merges", False)),
    "granite-size": lambda form: form.resize(49152),
    "swish": _config(hidden_act="swish"),
    "attention-bias": forms._attention_bias,
    "mlp-bias": _mlp_bias,
    "tied": forms._tied,
    "tied-with-output": forms._tied_with_output,
    "head-dim": forms._head_dim,
    "all-heads": forms._all_heads,
    "rope-theta": _config(rope_theta=1e6),
    "rope-parameters": forms._rope_parameters,
    "rope-linear": _config(rope_scaling={"type": "linear", "factor": 4.0}),
    "rope-llama3": _config(rope_scaling=_LLAMA3, rope_theta=500000.0),
    "epsilon": _config(rms_norm_eps=1e-2),
    "pretraining-tp": _config(pretraining_tp=2),
    "harmless": _config(
        attention_dropout=0.3, is_decoder=True, use_cache=False, unsloth_version="2025.1"
    ),
    "null": _config(rope_scaling=None, head_dim=None, sliding_window=None),
    "added-mark": _adds("<|im_start|>"),
}
"""Evaluated as lm-evaluation-harness does."""

SPECIAL = "<s>The river"
"""The context of an item with a special token of the SentencePiece forms, after which the versions
of transformers put a space or not: with these it is refused. To bytes it is text."""


REFUSED: Mapping[str, tuple[Change, str]] = {
    "relu": (_config(hidden_act="relu"), "hidden_act"),
    "gelu": (_config(hidden_act="gelu"), "hidden_act"),
    "act-null": (_config(hidden_act=None), "hidden_act"),
    "sliding": (_config(sliding_window=16), "sliding_window"),
    "partial-rotary": (_config(partial_rotary_factor=0.5), "partial_rotary_factor"),
    "multiplier": (_config(embedding_multiplier=12.0), "embedding_multiplier"),
    "unknown": (_config(attention_temperature=0.7), "attention_temperature"),
    "bias-unsaid": (_bias_unsaid, "attention_bias"),
    "bias-missing": (_config(attention_bias=True), "attn_q.bias|lacks"),
    "tied-other-output": (_other_output, "tie_word_embeddings"),
    "rope-yarn": (_config(rope_scaling={"type": "yarn", "factor": 2.0}), "yarn"),
    "rope-dynamic": (_config(rope_scaling={"type": "dynamic", "factor": 2.0}), "dynamic"),
    "rope-linear-without-factor": (_config(rope_scaling={"type": "linear"}), "factor"),
    "rope-llama3-incomplete": (
        _config(rope_scaling={"rope_type": "llama3", "factor": 8.0}),
        "low_freq_factor",
    ),
    "rope-unknown-key": (
        _config(rope_scaling={"type": "linear", "factor": 2.0, "attention_factor": 0.5}),
        "attention_factor",
    ),
    "rope-twice": (
        _config(
            rope_scaling={"type": "linear", "factor": 2.0},
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        ),
        "rope_scaling and rope_parameters",
    ),
    "model-type": (_config(model_type="mistral"), "model_type"),
    "own-code": (_config(auto_map={"AutoModelForCausalLM": "m.M"}), "auto_map"),
    "epsilon-null": (_config(rms_norm_eps=None), "rms_norm_eps"),
    "unigram": (_sentencepiece(model_type="unigram"), "unigram"),
    "word": (_sentencepiece(model_type="word"), "word"),
    "char": (_sentencepiece(model_type="char"), "char"),
    "suffix": (_sentencepiece(treat_whitespace_as_suffix=True), "treat_whitespace_as_suffix"),
    "nmt-nfkc": (_sentencepiece(normalization_rule_name="nmt_nfkc"), "nmt_nfkc"),
    "nfkc-cf": (_sentencepiece(normalization_rule_name="nfkc_cf"), "nfkc_cf"),
    "extra-spaces": (_sentencepiece(remove_extra_whitespaces=True), "remove_extra_whitespaces"),
    "added-word": (_adds("river"), "'river' was added"),
    "json-nfkc": (_json("bos", change=_normalized({"type": "NFKC"})), "other tokens"),
    "json-lowercase": (_json("bos", change=_normalized({"type": "Lowercase"})), "other tokens"),
    "json-other-merges": (_json("bos", change=_reversed_merges), "other tokens"),
    "json-other-prefix": (_json("bos", change=_metaspace("never")), "other tokens"),
    "json-two-tokens": (_json("bos", change=_two_tokens), "adds the tokens"),
    "json-strip": (
        _json(
            "bos", change=_normalized({"type": "Strip", "strip_left": True, "strip_right": True})
        ),
        "other tokens",
    ),
    "only-json-nfc": (
        _json("bos", beside=False, change=_normalized({"type": "NFC"})),
        "other tokens",
    ),
    "byte-level-nfc": (
        _byte_level("bos", change=_set("normalizer", {"type": "NFC"})),
        "other tokens",
    ),
    "byte-level-prefix": (
        _byte_level(
            "bos",
            change=_set(
                "pre_tokenizer.pretokenizers",
                [
                    {
                        "type": "ByteLevel",
                        "add_prefix_space": True,
                        "trim_offsets": True,
                        "use_regex": True,
                    }
                ],
            ),
        ),
        "no name for|other tokens",
    ),
}
"""Refused, and what the sentence names."""


def write(name: str, parent: Path) -> Path:
    """Write one of them below a folder and return its directory."""
    form = forms.demo()
    change = EVALUATED[name] if name in EVALUATED else REFUSED[name][0]
    change(form)
    return form.write(parent / f"demo-{name}")
