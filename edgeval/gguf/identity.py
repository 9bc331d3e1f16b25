"""Identity of a model at any type: its tokenizer and its shape."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.errors import GgufError
from edgeval.gguf.header import Header
from edgeval.gguf.parts import read_header
from edgeval.gguf.pre_tokenizers import KEY, pre_tokenizer
from edgeval.gguf.provenance import imatrix_info
from edgeval.gguf.type_mix import mix_of
from edgeval.records import ModelFacts, ModelShape, ModelSource

_TOKENIZER = "tokenizer.ggml."
_TOKENS = f"{_TOKENIZER}tokens"
_NORM = "norm.weight"
_UNREAD = f"{_TOKENIZER}padding_token_id"
"""Converters disagree on it, and no text is encoded with it."""
_DEFAULT_ROPE_BASE = 10000.0
"""llama.cpp's, where a GGUF does not say it."""


def model_facts(
    path: Path, checkpoint: ModelSource | None = None, pre: str | None = None
) -> ModelFacts:
    """Return what is known of a GGUF besides its scores.

    Args:
        path: The file.
        checkpoint: The checkpoint that it was made of, if that is known.
        pre: The pre-tokenizer that is used instead of the file's own.

    Raises:
        GgufError: If the file is missing, not a GGUF or damaged.
    """
    header = read_header(path)

    def text(key: str) -> str | None:
        value = header.metadata.get(key)
        return None if value is None else str(value)

    return ModelFacts(
        file_bytes=header.file_bytes,
        imatrix=imatrix_info(text),
        tokenizer_fingerprint=tokenizer_fingerprint(header, pre),
        shape=model_shape(header),
        checkpoint=checkpoint,
        mix=mix_of(header),
        pre_tokenizer=pre_tokenizer(header, pre),
        norms_fingerprint=norms_fingerprint(header),
    )


def tokenizer_fingerprint(header: Header, pre: str | None = None) -> str:
    """Return the SHA-256 over what decides the token ids of a text, as hexadecimal digits.

    That is everything under ``tokenizer.ggml.``: the tokens with their scores and types, merges,
    the model and its pre-tokenizer, special tokens, and which of them are added. The chat template
    is not under it. Quantizing copies all of it, so every quantization of a model has the same.

    Args:
        header: The GGUF.
        pre: The pre-tokenizer that is used instead of its own.
    """
    digest = hashlib.sha256()
    metadata = header.metadata if pre is None else header.metadata | {KEY: pre}
    for key in sorted(metadata):
        if key.startswith(_TOKENIZER) and key != _UNREAD:
            digest.update(f"{key}\n".encode("utf-8", "surrogateescape"))
            digest.update(_canonical(metadata[key]))
    return digest.hexdigest()


def norms_fingerprint(header: Header) -> str | None:
    """Return the SHA-256 over the weights of a model's norms, as hexadecimal digits.

    Quantizing leaves them as they are, in F32, and training moves them: whatever two GGUFs are
    quantized to, they are of one model only if this is the same. None if there are no norms.
    """
    digest, names = hashlib.sha256(), []
    for tensor in sorted(header.tensors, key=lambda each: each.name):
        if tensor.name.endswith(_NORM) and tensor.type.name == "F32":
            names.append(tensor.name)
            digest.update(f"{tensor.name} {tensor.nbytes}\n".encode())
            digest.update(header.raw(tensor).tobytes())
    return digest.hexdigest() if names else None


def model_shape(header: Header) -> ModelShape:
    """Return the hyperparameters that every quantization of a model has.

    Raises:
        GgufError: If one is no number.
    """
    architecture = header.text("general.architecture")

    def number(name: str) -> Any:
        value = header.metadata.get(f"{architecture}.{name}")
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
            return value.tolist()
        return value if isinstance(value, int) else None

    heads = number("attention.head_count")
    kv_heads = number("attention.head_count_kv")
    rope_base = header.metadata.get(f"{architecture}.rope.freq_base")
    if isinstance(rope_base, float) and not math.isfinite(rope_base):
        raise GgufError(
            f"{header.path} has the rope.freq_base {rope_base}, with which nothing can be "
            "computed; convert the model again"
        )
    return ModelShape(
        architecture=architecture,
        block_count=number("block_count"),
        embedding_length=number("embedding_length"),
        feed_forward_length=number("feed_forward_length"),
        head_count=heads,
        # Without a number of their own, there is one for each head.
        head_count_kv=heads if kv_heads is None else kv_heads,
        rope_base=rope_base if isinstance(rope_base, float) else _DEFAULT_ROPE_BASE,
        vocabulary_size=len(header.texts(_TOKENS) or []),
        n_params=header.n_params,
    )


def _canonical(value: Any) -> bytes:
    """Return the bytes of a value of the metadata, the same for the same value and for no other."""
    if isinstance(value, list):
        parts = [_canonical(each) for each in value]
        lengths = np.array([len(parts), *map(len, parts)], dtype="<u8")
        return b"list" + lengths.tobytes() + b"".join(parts)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        return b"text%d:" % len(data) + data
    array = np.atleast_1d(value)
    kind = "<f8" if array.dtype.kind == "f" else "<i8"
    return b"numbers" + len(array).to_bytes(8, "little") + array.astype(kind).tobytes()
