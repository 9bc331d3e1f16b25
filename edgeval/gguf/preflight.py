"""Preflight: what llama.cpp takes for granted in a GGUF, checked before it opens one.

It answers most damage with an error, but some by ending the process: an assertion, an exception
that nothing catches, a call through a null pointer. Each check here stands for one of these in the
llama.cpp of llama-cpp-python 0.3.36, and refuses nothing that it would run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.errors import GgufError
from edgeval.gguf.header import Header
from edgeval.gguf.parts import model_state, read_header
from edgeval.system.files import FileState
from edgeval.system.untrusted import printable

_MAX_LAYERS = 512
_MAX_EXPERTS = 1024
# Of these, llama.cpp reads one expert as none.
_ONE_EXPERT = ("hunyuan-dense", "hunyuan_vl")
# Architectures whose heads have as many keys as values, all of them rotated.
_LLAMA_LIKE = (
    "baichuan", "exaone", "granite", "internlm2", "llama", "mistral3", "olmo2", "olmoe", "orion",
    "qwen2", "qwen2moe", "qwen3", "qwen3moe", "smollm3", "starcoder2", "xverse",
)  # fmt: skip
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")
_EPSILONS = (
    "attention.layer_norm_rms_epsilon",
    "attention.layer_norm_epsilon",
    "attention.group_norm_epsilon",
)
_BYTE_TOKEN = 6
_LONGEST_NAME = 40
_NO_VOCABULARY = ("none", "no_vocab")
# Types that llama.cpp cannot multiply by, and the tensors that are tables of integers.
_NO_WEIGHTS = ("F64", "Q8_1", "Q8_K")
_INTEGERS = ("I8", "I16", "I32", "I64")
_INTEGER_TABLES = ("d2t", "ffn_gate_tid2eid")


def require_safe(path: Path) -> frozenset[bytes] | None:
    """Check a GGUF, with the other files of a split one; once, until it changes.

    Returns:
        The only characters, in UTF-8, and single bytes that its tokenizer can spell; None if it
        can spell any.

    Raises:
        GgufError: If a file is missing, damaged, or says what would end the process.
    """
    return _checked(path, model_state(path))


@functools.lru_cache(maxsize=64)
def _checked(path: Path, _: tuple[FileState | None, ...]) -> frozenset[bytes] | None:
    header = read_header(path)
    for problem in chain(_tokenizer(header), _hyperparameters(header), _tensors(header)):
        raise GgufError(f"{path} cannot be run: {problem}; {_REMEDY}")
    return _spellable(header)


_REMEDY = (
    "another converter than llama.cpp's made it, or it is damaged, so download another file of the "
    "model, or convert its checkpoint"
)


def _tokenizer(header: Header) -> Iterator[str]:
    tokens, model = header.texts("tokenizer.ggml.tokens"), header.text("tokenizer.ggml.model")
    if tokens is None or model in _NO_VOCABULARY:
        return
    # llama.cpp gives the empty ones names of their own.
    distinct = {_read(token) or f"[EMPTY_{index}]" for index, token in enumerate(tokens)}
    if len(distinct) < len(tokens):
        yield (
            f"{len(tokens) - len(distinct):,} tokens of its vocabulary are there twice "
            f"({printable(_repeated(tokens), _LONGEST_NAME)!r} is), and llama.cpp knows each by "
            "its text"
        )
    types = header.metadata.get("tokenizer.ggml.token_type")
    if model == "bert" and isinstance(types, np.ndarray) and _BYTE_TOKEN in types:
        yield "a WordPiece vocabulary has byte tokens"


def _repeated(tokens: Sequence[str]) -> str:
    """Return the first token that is there already."""
    seen = set[str]()
    for index, token in enumerate(tokens):
        text = _read(token) or f"[EMPTY_{index}]"
        if text in seen:
            return text
        seen.add(text)
    return ""


def _hyperparameters(header: Header) -> Iterator[str]:
    architecture = header.text("general.architecture")
    prefix = f"{architecture}."
    own = {
        key.removeprefix(prefix): value
        for key, value in header.metadata.items()
        if key.startswith(prefix)
    }
    yield from _layers(own)
    if architecture not in _ONE_EXPERT:
        yield from _experts(own)
    if architecture in _LLAMA_LIKE and "attention.head_count" in own:
        yield from _heads(own)


def _layers(own: dict[str, Any]) -> Iterator[str]:
    layers = _largest(own.get("block_count", 1))
    if not 0 < layers <= _MAX_LAYERS:
        yield f"it says that it has {layers:,} layers"
    predicting = _largest(own.get("nextn_predict_layers", 0))
    if predicting > layers:
        yield f"it says that {predicting:,} of {layers:,} layers predict several tokens"
    for name in _EPSILONS:
        epsilon = own.get(name)
        if isinstance(epsilon, float) and not epsilon >= 0:
            yield f"its {name} is {epsilon}"
    scaling = own.get("rope.scaling.type", "none")
    if isinstance(scaling, str) and scaling not in _ROPE_SCALINGS:
        yield f"its rope.scaling.type is {scaling[:40]!r}"


def _experts(own: dict[str, Any]) -> Iterator[str]:
    experts, used = (_largest(own.get(f"expert_{name}", 0)) for name in ("count", "used_count"))
    if not 0 <= used <= experts <= _MAX_EXPERTS or (experts > 0) != (used > 0):
        yield f"it says that it uses {used:,} of {experts:,} experts"
    groups, used = (
        _largest(own.get(f"expert_group_{name}", 0)) for name in ("count", "used_count")
    )
    is_uneven = groups > 1 and (experts % groups > 0 or not 0 < used < groups)
    if groups >= max(1, experts) or is_uneven:
        yield f"it says that it uses {used:,} of {groups:,} groups of {experts:,} experts"


def _heads(own: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the attention heads of an architecture like Llama's."""
    heads = _numbers(own["attention.head_count"])
    kv_heads = _numbers(own.get("attention.head_count_kv", own["attention.head_count"]))
    if min(heads, default=0) < 1 or min(kv_heads, default=0) < 1:
        yield "it has no attention heads"
        return
    # Of each layer, or of all of them; other lengths llama.cpp refuses.
    if any(head % kv_heads[index % len(kv_heads)] for index, head in enumerate(heads)):
        yield f"it has {max(heads):,} attention heads for {max(kv_heads):,} of keys and values"
    width = _largest(own.get("embedding_length", 0)) // heads[0]
    keys, values = (
        _largest(own.get(f"attention.{name}_length", width)) for name in ("key", "value")
    )
    rotated = _largest(own.get("rope.dimension_count", keys))
    # A file that is only a vocabulary may leave them out.
    if keys and (not keys == values == rotated or keys % 2):
        yield f"its heads have {keys:,} keys, {rotated:,} of them rotated, and {values:,} values"


def _numbers(value: Any) -> list[int]:
    """Return an integer, or those that each layer has, as a list; empty if it is neither."""
    if isinstance(value, np.ndarray):
        is_read = value.dtype.kind in "iu" and len(value) <= _MAX_LAYERS
        # llama.cpp takes signed ones for unsigned.
        return [int(each) % (1 << 32) for each in value] if is_read else []
    return [value] if isinstance(value, int) else []


def _largest(value: Any) -> int:
    return max(_numbers(value), default=0)


def _tensors(header: Header) -> Iterator[str]:
    for tensor in header.tensors:
        kind = tensor.type.name
        if kind in _INTEGERS and any(table in tensor.name for table in _INTEGER_TABLES):
            continue
        if kind in _NO_WEIGHTS or kind in _INTEGERS:
            yield f"tensor {tensor.name} is {kind}, which is no type of weights"
        elif len(tensor.shape) < 2 and kind != "F32":
            yield f"tensor {tensor.name} is {kind}, and a vector has to be F32"


def _spellable(header: Header) -> frozenset[bytes] | None:
    model = header.text("tokenizer.ggml.model")
    if model in _NO_VOCABULARY:
        return frozenset()
    tokens = header.texts("tokenizer.ggml.tokens")
    if model != "llama" or tokens is None:
        return None
    known = {_read(token) for token in tokens}
    found = {bytes([byte]) for byte in range(256) if f"<0x{byte:02X}>" in known}
    if len(found) == 256:
        return None
    characters = (text.encode("utf-8", "surrogateescape") for text in known if len(text) == 1)
    return frozenset(found.union(characters))


def _read(token: str) -> str:
    """Return what llama.cpp reads of a token: it stops at a zero byte."""
    return token.partition("\0")[0]
