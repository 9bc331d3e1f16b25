"""GGUF files written byte by byte, so that tests can damage any part of one."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeval.gguf.header import Header
from edgeval.gguf.types import TensorType
from edgeval.gguf.values import ValueType

_SCALARS = {
    ValueType.UINT8: "B",
    ValueType.INT8: "b",
    ValueType.UINT16: "H",
    ValueType.INT16: "h",
    ValueType.UINT32: "I",
    ValueType.INT32: "i",
    ValueType.UINT64: "Q",
    ValueType.INT64: "q",
    ValueType.FLOAT32: "f",
    ValueType.FLOAT64: "d",
    ValueType.BOOL: "?",
}


@dataclass
class Entry:
    """A tensor: its shape innermost dimension first, as in the file."""

    name: str | bytes
    shape: tuple[int, ...]
    type: int = int(TensorType.F32)
    data: bytes = b""


@dataclass
class File:
    """What a GGUF is made of."""

    metadata: dict[str, tuple[int, Any]] = field(default_factory=dict)
    tensors: list[Entry] = field(default_factory=list)

    def encoded(self) -> bytes:
        pairs = [pair(key, kind, value) for key, (kind, value) in self.metadata.items()]
        entries, offset = [], 0
        for each in self.tensors:
            entries.append(tensor(each.name, each.shape, each.type, offset))
            offset += len(each.data) + -len(each.data) % 32
        header = start(len(entries), len(pairs)) + b"".join(pairs + entries)
        blocks = [each.data + bytes(-len(each.data) % 32) for each in self.tensors]
        return header + bytes(-len(header) % 32) + b"".join(blocks)


def decoded(header: Header) -> File:
    """Return the parts of a sound file."""
    tensors = [
        Entry(each.name, each.shape[::-1], int(each.type), header.raw(each).tobytes())
        for each in header.tensors
    ]
    return File(
        {key: (int(header.types[key]), header.metadata[key]) for key in header.types}, tensors
    )


def start(n_tensors: int, n_pairs: int, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_pairs)


def text(value: str | bytes) -> bytes:
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def pair(key: str | bytes, kind: int, value: Any) -> bytes:
    """Return a key and its value; an array of ``kind`` where the value is a list or an array."""
    if isinstance(value, bytes):
        return text(key) + struct.pack("<I", kind) + value
    if not isinstance(value, list | np.ndarray):
        return text(key) + struct.pack("<I", kind) + scalar(kind, value)
    if isinstance(value, np.ndarray):
        elements = value.tobytes()
    else:
        elements = b"".join(scalar(kind, each) for each in value)
    return text(key) + struct.pack("<IIQ", int(ValueType.ARRAY), kind, len(value)) + elements


def scalar(kind: int, value: Any) -> bytes:
    if kind == ValueType.STRING:
        return text(value)
    return struct.pack("<" + _SCALARS[ValueType(kind)], value)


def tensor(name: str | bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    """Return an entry; ``shape`` has the innermost dimension first, as in the file."""
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)
