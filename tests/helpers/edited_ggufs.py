"""GGUFs whose metadata or tensors were edited, as other publishers' files differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeval.gguf.parts import read_header
from edgeval.gguf.values import ValueType
from tests.helpers.gguf_bytes import File, decoded

STRING, BOOL, U32 = int(ValueType.STRING), int(ValueType.BOOL), int(ValueType.UINT32)


def edited(
    source: Path,
    target: Path,
    keys: Mapping[str, tuple[int, Any] | None] | None = None,
    change: Callable[[File], None] | None = None,
) -> Path:
    """Write a copy of a GGUF and return it.

    Args:
        source: The GGUF.
        target: Where the copy goes.
        keys: Types and values of keys; None leaves one out.
        change: Changes anything else.
    """
    file = decoded(read_header(source))
    for key, value in (keys or {}).items():
        if value is None:
            del file.metadata[key]
        else:
            file.metadata[key] = value
    if change is not None:
        change(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.encoded())
    return target
