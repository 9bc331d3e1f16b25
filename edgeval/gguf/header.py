"""Header of a GGUF file, every length checked against the file before memory is taken.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3,
little-endian.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import GgufError
from edgeval.gguf.types import BLOCKS, FILE_TYPES, REMOVED_TYPES, TensorType
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
N_PARTS = "split.count"
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

_UNQUANTIZED = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a GGUF: where its bytes are and what they mean.

    Attributes:
        name: Its name.
        shape: Its shape, outermost dimension first.
        type: A ``TensorType``.
        offset: Where its bytes start in the file.
        nbytes: Number of its bytes.
        path: The file.
    """

    name: str
    shape: tuple[int, ...]
    type: Any
    offset: int
    nbytes: int
    path: Path

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a GGUF says before its weights.

    Attributes:
        path: The file; of a split model the first one, whose metadata count.
        files: All its files, in their order.
        file_bytes: Their size.
        version: Version of the format.
        alignment: What each tensor's offset is a multiple of, in bytes.
        metadata: Values by key: ``int``, ``float``, ``bool`` and ``str``; an array is a list of
            ``str``, a NumPy array of the file's own type, or a list of arrays. Bytes that are no
            UTF-8 are surrogates in the strings, as of the error handler ``surrogateescape``.
        types: A ``ValueType`` by key; of an array, that of its elements.
        tensors: The tensors in the order of the files.
        data_offset: Where the weights start in the first file.
    """

    path: Path
    files: tuple[Path, ...]
    file_bytes: int
    version: int
    alignment: int
    metadata: dict[str, Any]
    types: dict[str, Any]
    tensors: tuple[TensorInfo, ...]
    data_offset: int

    @property
    def n_params(self) -> int:
        """Number of elements of all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def tensor_bytes(self) -> int:
        """Number of bytes of all tensors, without the padding between them."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def file_type(self) -> str:
        """llama.cpp's name for how it is quantized; ``unknown`` where nothing tells.

        Where the file does not say it, or says it of tensors that are not so (``Q4_0`` where none
        is quantized, ``F32`` where the matrices are F16), it follows the tensors: it is named after
        the type that most matrices have, as llama.cpp guesses it (``llama_model_loader``).
        """
        said, sizes = self.said_file_type, self._sizes
        if not sizes or "general.architecture" not in self.metadata:
            return said or "unknown"
        if said in _UNQUANTIZED:
            is_so = said in (max(sizes, key=sizes.__getitem__), self._guessed_file_type)
        else:
            is_so = said is not None and not sizes.keys() <= set(_UNQUANTIZED)
        return str(said) if is_so else self._guessed_file_type

    @property
    def said_file_type(self) -> str | None:
        """What the file says of how it is quantized; None if it does not."""
        number = self.metadata.get("general.file_type")
        if not isinstance(number, int):
            return None
        names = {value: name for name, value in FILE_TYPES.items()}
        return names.get(number, f"ftype {number}")

    @property
    def matrices(self) -> list[TensorInfo]:
        """The tensors of at least two dimensions; vectors are never quantized."""
        return [tensor for tensor in self.tensors if len(tensor.shape) > 1]

    @property
    def _sizes(self) -> Counter[str]:
        """Numbers of elements of the matrices, by type."""
        sizes: Counter[str] = Counter()
        for tensor in self.matrices:
            sizes[tensor.type.name] += tensor.size
        return sizes

    @property
    def _guessed_file_type(self) -> str:
        """Name of the type that most matrices have, but for the F32 ones beside larger ones."""
        sizes = self._sizes
        counts = Counter(tensor.type.name for tensor in self.matrices)
        if 2 * sizes["F32"] < sizes.total():
            del counts["F32"]
        kind = max(counts, key=lambda each: (counts[each], sizes[each]))
        return next(
            (name for name in (kind, f"{kind}_M", f"{kind}_MOE") if name in FILE_TYPES), kind
        )

    def text(self, key: str) -> str | None:
        """Return a string of the metadata; None if there is none, or something else."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def texts(self, key: str) -> list[str] | None:
        """Return an array of strings of the metadata; None if there is none, or something else."""
        value = self.metadata.get(key)
        is_texts = isinstance(value, list) and self.types[key] == ValueType.STRING
        return value if is_texts else None

    def raw(self, tensor: TensorInfo, n_bytes: int | None = None) -> npt.NDArray[np.uint8]:
        """Return a tensor's bytes, shape (nbytes,), uint8.

        They are read, not mapped: a file that is cut off under a map ends the process.

        Args:
            tensor: The tensor.
            n_bytes: How many of them, from its first on; by default all.

        Raises:
            GgufError: If the file no longer has them.
        """
        count = tensor.nbytes if n_bytes is None else n_bytes
        try:
            found = np.fromfile(tensor.path, np.uint8, count, offset=tensor.offset)
        except OSError as error:
            raise GgufError(f"cannot read {tensor.path} ({error.strerror or error})") from error
        if len(found) < count:
            raise GgufError(
                f"{tensor.path} was cut off while it was read; run again when it is whole"
            )
        return found

    @property
    def n_parts(self) -> int:
        """Into how many files the model is split, by its own metadata."""
        count = self.metadata.get(N_PARTS, 1)
        return max(1, count) if isinstance(count, int) else 1


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
