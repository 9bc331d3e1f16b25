"""Reader of a GGUF's header: every length is checked before memory is taken."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeval.errors import GgufError
from edgeval.gguf.header import Header, TensorInfo
from edgeval.gguf.types import BLOCKS, REMOVED_TYPES, TensorType
from edgeval.gguf.values import ValueReader, ValueType
from edgeval.system.engine_version import engine_version
from edgeval.system.file_kinds import kind_of
from edgeval.system.untrusted import open_regular

_VERSIONS = (2, 3)


# What is beyond is taken for damage: the format grows by one in years, and its types by ten.
_LAST_VERSION = 20


_LAST_TYPE = 999


_DEFAULT_ALIGNMENT = 32


_ALIGNMENT_KEY = "general.alignment"


# The format's own limits, of the four dimensions, and of a key and a name in bytes.
_MAX_DIMENSIONS = 4


_MOST_DIMENSIONS = 8


_MAX_KEY_BYTES = (1 << 16) - 1


_MAX_NAME_BYTES = 64


# Each takes a kilobyte of memory, once it is read; the largest models have some ten thousand.
_MAX_TENSORS = 1 << 17


_MAX_PAIRS = 1 << 16


# The fewest bytes of a key with its value, and of a tensor's entry.
_MIN_PAIR_BYTES = 8 + 1 + 4 + 1


_MIN_TENSOR_BYTES = 8 + 1 + 4 + 4 + 8


def read_file(path: Path) -> Header:
    """Read the header of one file; ``gguf_parts.read_header`` reads those of a whole model.

    Raises:
        GgufError: If the file is missing, not a GGUF of version 2 or 3, big-endian, cut off, or
            says anything that the format does not allow.
    """
    if not path.exists():
        raise GgufError(f"no GGUF file at {path}; check the path")
    if path.is_dir():
        raise GgufError(f"{path} is a folder, not a GGUF; {_in_folder(path)}")
    try:
        with open_regular(path) as file:
            return _header(path, ValueReader(path, file))
    except OSError as error:
        raise GgufError(
            f"cannot read {path} ({error.strerror or error}); check the path, its permissions "
            "and its disk"
        ) from error


def _in_folder(path: Path) -> str:
    """Return what to do who named a folder."""
    if (path / "config.json").is_file():
        return "convert that checkpoint first, with edgeval convert"
    found = next(iter(sorted(path.glob("*.gguf"))), None)
    return f"name a file in it, for example {found.name}" if found else "check the path"


def _header(path: Path, values: ValueReader) -> Header:
    version = _version(path, values)
    n_tensors = values.count("tensors", _MIN_TENSOR_BYTES, _MAX_TENSORS)
    n_pairs = values.count("keys", _MIN_PAIR_BYTES, _MAX_PAIRS)
    metadata: dict[str, Any] = {}
    types: dict[str, Any] = {}
    for _ in range(n_pairs):
        key = values.name("a key", _MAX_KEY_BYTES)
        if key in metadata:
            values.fail(f"the key {key} is there twice")
        types[key], metadata[key] = values.value(key)
    alignment = metadata.get(_ALIGNMENT_KEY, _DEFAULT_ALIGNMENT)
    is_uint32 = types.get(_ALIGNMENT_KEY, ValueType.UINT32) == ValueType.UINT32
    if not is_uint32 or not isinstance(alignment, int):
        values.fail("its alignment is no uint32")
    if alignment.bit_count() != 1:
        values.fail(f"its alignment is {alignment:,}, no power of two")
    entries = [_entry(path, values) for _ in range(n_tensors)]
    end = values.size - values.left
    data_offset = end + -end % alignment
    return Header(
        path=path,
        files=(path,),
        file_bytes=values.size,
        version=version,
        alignment=alignment,
        metadata=metadata,
        types=types,
        tensors=_placed(values, entries, data_offset, alignment),
        data_offset=data_offset,
    )


def _version(path: Path, values: ValueReader) -> int:
    magic = values.take(min(4, values.size))
    if magic != b"GGUF":
        raise _no_gguf(path, magic)
    version = values.integer(4)
    if version & 0xFFFF == 0 and version >> 24 in _VERSIONS:
        raise GgufError(
            f"{path} is a big-endian GGUF, and edgeval reads little-endian ones; download or "
            "convert the model for little-endian machines"
        )
    if version not in _VERSIONS:
        raise GgufError(f"{path} {_of_version(version)}")
    return version


def _no_gguf(path: Path, magic: bytes) -> GgufError:
    """Return what a file is that is no GGUF, and what to do."""
    kind = kind_of(path)
    if kind is not None:
        return GgufError(f"{path} is not a GGUF: it is {kind.what}; {kind.remedy}")
    found = f"it starts with {magic!r}" if magic else "it is empty"
    return GgufError(
        f"{path} is not a GGUF: {found}; check the path, or download or convert the model again"
    )


def _of_version(version: int) -> str:
    """Return what is to be said of a version that is not read."""
    reads = f"and edgeval reads {' and '.join(map(str, _VERSIONS))}"
    if version == 1:
        return (
            f"is a GGUF of version 1, which llama.cpp wrote in August 2023 only, {reads}; download "
            "a later file of the model, or convert its checkpoint"
        )
    if max(_VERSIONS) < version <= _LAST_VERSION:
        return (
            f"is a GGUF of version {version}, {reads}: it was made for a newer llama.cpp than that "
            f"of {engine_version()}; update edgeval, or download a file of version {_VERSIONS[-1]}"
        )
    return f"says GGUF version {version}, {reads}: it is damaged; download it again"


def _entry(path: Path, values: ValueReader) -> TensorInfo:
    """Return one tensor, its offset from where the weights start."""
    name = values.name("a tensor's name", _MAX_NAME_BYTES)
    n_dimensions = values.integer(4)
    if n_dimensions > _MAX_DIMENSIONS:
        if n_dimensions > _MOST_DIMENSIONS:
            values.fail(f"tensor {name} has {n_dimensions:,} dimensions")
        values.refuse(
            f"was made for another program than llama.cpp: tensor {name} has {n_dimensions} "
            f"dimensions, and it reads {_MAX_DIMENSIONS}; evaluate a model that generates text "
            "with llama.cpp"
        )
    # The file has the innermost dimension first.
    shape = tuple(values.integer(8) for _ in range(n_dimensions))[::-1]
    number = values.integer(4)
    try:
        kind = TensorType(number)
    except ValueError:
        values.refuse(f"has the tensor {name} of {_of_type(number)}")
    _, block_size, block_bytes = BLOCKS[kind.name]
    row = shape[-1] if shape else 1
    if 0 in shape or row % block_size:
        values.fail(f"tensor {name} has the shape {list(shape)}, which {kind.name} cannot have")
    nbytes = math.prod(shape) // block_size * block_bytes
    return TensorInfo(name, shape, kind, values.integer(8), nbytes, path)


def _of_type(number: int) -> str:
    """Return what is to be said of a number of a tensor type that llama.cpp does not know."""
    if number in REMOVED_TYPES:
        name, instead = REMOVED_TYPES[number]
        return (
            f"the type {name}, which llama.cpp has not read since {instead[0]}; download or make a "
            f"{instead[1]} of the model"
        )
    if number > _LAST_TYPE:
        return f"the type {number:,}, which is none: it is damaged; download or convert it again"
    return (
        f"the type {number}, which the llama.cpp of {engine_version()} does not have: it was made "
        "for a newer one, or for a fork (as ik_llama.cpp); evaluate a file of one of the types of "
        "edgeval quantize --help, or update llama-cpp-python and edgeval"
    )


def _placed(
    values: ValueReader, entries: list[TensorInfo], data_offset: int, alignment: int
) -> tuple[TensorInfo, ...]:
    """Return the tensors at their offsets in the file, after checking that each has its own."""
    if len({entry.name for entry in entries}) < len(entries):
        values.fail("two tensors have the same name")
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset % alignment:
            values.fail(f"tensor {entry.name} is not aligned to {alignment} bytes")
        if entry.offset < end:
            values.fail(f"tensor {entry.name} starts inside another")
        end = entry.offset + entry.nbytes
        if data_offset + end > values.size:
            missing = data_offset + end - values.size
            values.fail(f"tensor {entry.name} ends {missing:,} bytes past its end")
    return tuple(replace(entry, offset=data_offset + entry.offset) for entry in entries)
