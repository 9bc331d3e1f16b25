"""Inspection of a GGUF: what it says of itself, without loading its weights."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.gguf.contents import sha256_of
from edgeval.gguf.header import Header, TensorInfo
from edgeval.gguf.parts import read_header, unchanged
from edgeval.gguf.pre_tokenizers import own, splits
from edgeval.gguf.type_mix import mix_of
from edgeval.records.inspection import (
    Inspection,
    MetadataValue,
    Scalar,
    SpecialToken,
    TensorEntry,
    TokenizerInfo,
    TypeSum,
)
from edgeval.system.progress import ProgressOption, progress_of

__all__ = ["Inspection", "inspect"]

_FIRST_ELEMENTS = 8
_TOKEN_TYPES = {1: "normal", 2: "unknown", 3: "control", 4: "user-defined", 5: "unused", 6: "byte"}
_SPECIAL = re.compile(r"tokenizer\.ggml\.(\w+)_token_id")


def inspect(path: str | Path, *, progress: ProgressOption = "auto") -> Inspection:
    """Return what a GGUF says of itself.

    Any GGUF will do: of any architecture, split into files or not, an importance matrix.

    Args:
        path: The file; of a split model any of its files, and all of them are looked at.
        progress: Where to show progress; None for nowhere.

    Raises:
        GgufError: If the file is missing, not a GGUF or damaged.
        ChangedFileError: If it changes meanwhile.
    """
    path = Path(path)
    with unchanged(path, "it was read"):
        header = read_header(path)
        sha256 = sha256_of(*header.files, progress=progress_of(progress))
    n_params, tensor_bytes = header.n_params, header.tensor_bytes
    return Inspection(
        file=header.path.name,
        n_files=len(header.files),
        file_bytes=header.file_bytes,
        sha256=sha256,
        gguf_version=header.version,
        alignment=header.alignment,
        architecture=_text(header, "general.architecture"),
        name=_text(header, "general.name"),
        file_type=header.file_type,
        said_file_type=header.said_file_type,
        mix=mix_of(header),
        n_params=n_params,
        tensor_bytes=tensor_bytes,
        bits_per_weight=8 * tensor_bytes / n_params if n_params else None,
        tokenizer=_tokenizer(header),
        metadata={key: _value(header, key) for key in header.metadata},
        types=_types(header.tensors),
        tensors=[
            TensorEntry(
                name=each.name, shape=[*each.shape], type=each.type.name, n_bytes=each.nbytes
            )
            for each in header.tensors
        ],
    )


def _value(header: Header, key: str) -> MetadataValue:
    value, kind = header.metadata[key], header.types[key].name.lower()
    if isinstance(value, float) and kind == "float32":
        value = np.float32(value)
    if not isinstance(value, list | np.ndarray):
        return MetadataValue(type=kind, value=_scalar(value))
    first = [_scalar(each) for each in value[:_FIRST_ELEMENTS]]
    return MetadataValue(type=f"array of {kind}", length=len(value), value=first)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, list):
        return f"{len(value)} arrays"
    if isinstance(value, np.ndarray):
        return f"{len(value)} elements"
    if isinstance(value, str):
        return _readable(value)
    # NumPy writes the fewest digits that tell a float32 from its neighbours.
    if isinstance(value, np.generic):
        value = float(str(value)) if isinstance(value, np.floating) else value.item()
    is_finite = isinstance(value, int) or math.isfinite(value)
    plain: Scalar = value if is_finite else str(value)
    return plain


def _readable(text: str) -> str:
    """Return a string of the file as text that can be written, with other bytes in hexadecimal."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _text(header: Header, key: str) -> str | None:
    value = header.text(key)
    return None if value is None else _readable(value)


def _truth(header: Header, key: str) -> bool | None:
    value = header.metadata.get(f"tokenizer.ggml.{key}")
    return value if isinstance(value, bool) else None


def _tokenizer(header: Header) -> TokenizerInfo | None:
    model = _text(header, "tokenizer.ggml.model")
    if model is None:
        return None
    tokens = header.texts("tokenizer.ggml.tokens") or []
    return TokenizerInfo(
        model=model,
        pre=_text(header, "tokenizer.ggml.pre"),
        lacks_pre=splits(header) and own(header) is None,
        n_tokens=len(tokens),
        types=_token_types(header.metadata.get("tokenizer.ggml.token_type")),
        special=_special(header, tokens),
        adds_bos=_truth(header, "add_bos_token"),
        adds_eos=_truth(header, "add_eos_token"),
        adds_space_prefix=_truth(header, "add_space_prefix"),
        n_merges=len(header.texts("tokenizer.ggml.merges") or []),
        has_chat_template=_text(header, "tokenizer.chat_template") is not None,
    )


def _token_types(types: Any) -> dict[str, int] | None:
    if not isinstance(types, np.ndarray):
        return None
    counts = Counter(_TOKEN_TYPES.get(kind, "undefined") for kind in types.tolist())
    return {name: counts[name] for name in (*_TOKEN_TYPES.values(), "undefined") if counts[name]}


def _special(header: Header, tokens: list[str]) -> dict[str, SpecialToken]:
    found = {}
    for key, value in header.metadata.items():
        match = _SPECIAL.fullmatch(key)
        if match and isinstance(value, int):
            text = _readable(tokens[value]) if 0 <= value < len(tokens) else None
            found[match[1]] = SpecialToken(id=value, text=text)
    return found


def _types(tensors: Iterable[TensorInfo]) -> list[TypeSum]:
    by_type: dict[str, list[TensorInfo]] = {}
    for tensor in tensors:
        by_type.setdefault(tensor.type.name, []).append(tensor)
    sums = (
        TypeSum(
            type=kind,
            n_tensors=len(each),
            n_params=sum(tensor.size for tensor in each),
            n_bytes=sum(tensor.nbytes for tensor in each),
        )
        for kind, each in by_type.items()
    )
    return sorted(sums, key=lambda each: -each.n_bytes)
