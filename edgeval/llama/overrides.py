"""Metadata that llama.cpp is to read instead of a GGUF's own, or to write into a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeval.llama.library import llama_cpp

Metadata = Mapping[str, str | int]


def overrides(metadata: Metadata) -> Any:
    """Return llama.h's list of overrides, which ends with an empty key.

    Args:
        metadata: Strings of at most ``LONGEST_TEXT`` bytes, and integers.
    """
    found = (llama_cpp.llama_model_kv_override * (len(metadata) + 1))()
    for override, (key, value) in zip(found, metadata.items(), strict=False):
        override.key = key.encode()
        if isinstance(value, str):
            override.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR
            override.value.val_str = value.encode()
        else:
            override.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT
            override.value.val_i64 = value
    return found
