"""Pre-tokenizers: how text is split before it is merged, by llama.cpp's names.

Nothing here loads llama.cpp.
"""

from __future__ import annotations

from edgeval.errors import EngineError, closest
from edgeval.gguf.header import Header
from edgeval.records import PreTokenizer
from edgeval.system.engine_version import engine_version

KEY = "tokenizer.ggml.pre"

_MODEL = "tokenizer.ggml.model"
_SPLITTING = ("gpt2", "hybriddna", "whitespace")
"""Tokenizers that read the key (``src/llama-vocab.cpp``); ``gemma4`` has a splitter of its own."""

NAMES = (
    "a.x-4.0", "afmoe", "bailingmoe", "bailingmoe2", "bloom", "chameleon", "chatglm-bpe",
    "codeshell", "cohere2moe", "command-r", "dbrx", "deepseek-coder", "deepseek-llm",
    "deepseek-r1-qwen", "deepseek-v3", "default", "exaone", "exaone-moe", "exaone4", "f2llmv2",
    "falcon", "falcon-h1", "falcon3", "gemma4", "gigachat", "glm4", "glm5", "gpt-2", "gpt-4o",
    "gpt3-finnish", "granite-docling", "granite-embed-multi-311m", "granite-embed-multi-97m",
    "grok-2", "hunyuan", "hunyuan-dense", "hy_v4", "jais", "jais-2", "jina-de", "jina-es",
    "jina-v1-en", "jina-v2-code", "jina-v2-de", "jina-v2-es", "jina-v5-nano", "joyai-llm",
    "kanana2", "kimi-k2", "kormo", "laguna", "lfm2", "llada-moe", "llama-bpe", "llama-v3",
    "llama3", "llama4", "megrez", "mellum", "mellum2", "midm-2.0", "minerva-7b", "minicpm5",
    "minimax-m2", "modern-bert", "mpt", "olmo", "phi-2", "pixtral", "poro-chat", "qwen2", "qwen35",
    "refact", "roberta-bpe", "sarvam-moe", "seed-coder", "smaug-bpe", "smollm", "solar-open",
    "spark2_5", "stablelm2", "starcoder", "superbpe", "talkie", "tekken", "tiny_aya", "trillion",
    "ufakzeka", "viking", "whitespace", "youtu",
)  # fmt: skip
"""Those of llama-cpp-python 0.3.36, to tell the one that was meant; llama.cpp has the last word."""


def splits(header: Header) -> bool:
    """Return whether a GGUF's tokenizer splits text by ``tokenizer.ggml.pre``."""
    return header.text(_MODEL) in _SPLITTING


def own(header: Header) -> str | None:
    """Return the name that a GGUF says; None if it says none."""
    return header.text(KEY) or None


def pre_tokenizer(header: Header, given: str | None) -> PreTokenizer | None:
    """Return what is to be known of a GGUF's pre-tokenizer; None if it is as the file says.

    Args:
        header: The GGUF.
        given: The name to use instead.
    """
    name = own(header)
    if not splits(header) or (name is not None and given in (None, name)):
        return None
    return PreTokenizer(own=name, given=given)


def require_name(header: Header, given: str) -> None:
    """Refuse a name that a GGUF's tokenizer would not read.

    Raises:
        EngineError: If it would not.
    """
    if not splits(header):
        kind = header.text(_MODEL) or "no"
        raise EngineError(
            f"{header.path.name} has a tokenizer of the kind {kind!r}, which splits no text by a "
            "pre-tokenizer; leave out --pre"
        )


def unknown(name: str) -> str:
    """Return why a name is not known, and what to do, as the end of a sentence."""
    return (
        f"the llama.cpp of {engine_version()} has no pre-tokenizer {name[:40]!r}"
        f"{closest(name, NAMES)}"
    )
