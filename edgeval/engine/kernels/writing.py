"""Writer of small GGUFs, from tensors that are in their blocks already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def write_gguf(
    path: Path,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, tuple[Bytes, Any]],
    types: Mapping[str, Any] | None = None,
) -> None:
    """Write a GGUF.

    Args:
        path: The file.
        metadata: Values by key; lists are arrays. ``general.architecture`` is one of them.
        tensors: The bytes of each tensor, its rows' along the last axis, and its ``TensorType``.
        types: The ``ValueType`` of a value, or of an array's elements, where it is not that of the
            Python type: uint32 of an int, float32 of a float, string, and bool.
    """
    writer = gguf.GGUFWriter(path, str(metadata["general.architecture"]))
    for key, value in metadata.items():
        if key == "general.architecture":
            continue
        kind = gguf.GGUFValueType((types or {}).get(key, _value_type(value)))
        if isinstance(value, list):
            writer.add_key_value(key, value, gguf.GGUFValueType.ARRAY, kind)
        else:
            writer.add_key_value(key, value, kind)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType(int(kind)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _value_type(value: Any) -> Any:
    first = value[0] if isinstance(value, list) else value
    if isinstance(first, bool):
        return gguf.GGUFValueType.BOOL
    if isinstance(first, int):
        return gguf.GGUFValueType.UINT32
    return gguf.GGUFValueType.FLOAT32 if isinstance(first, float) else gguf.GGUFValueType.STRING
