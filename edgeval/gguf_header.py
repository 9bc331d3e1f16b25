"""The header of a GGUF file, every length checked against the file before anything is allocated.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3,
little-endian.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.errors import GgufError, listed
from edgeval.files import FileState, file_state
from edgeval.gguf_parts import numbered, part_name
from edgeval.gguf_values import ValueReader, ValueType

_VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_ALIGNMENT_KEY = "general.alignment"
_PART, _N_PARTS, _N_TENSORS = "split.no", "split.count", "split.tensors.count"
_MOST_NAMED = 3
# The format's own limits, of the four dimensions, and of a key and a name in bytes.
_MAX_DIMENSIONS = 4
_MAX_KEY_BYTES = (1 << 16) - 1
_MAX_NAME_BYTES = 64
# The fewest bytes of a key with its value, and of a tensor's entry.
_MIN_PAIR_BYTES = 8 + 1 + 4 + 1
_MIN_TENSOR_BYTES = 8 + 1 + 4 + 4 + 8

# The gguf package may differ from llama.cpp (tests/test_gguf_package.py): Q2_0 is in llama.cpp
# since llama-cpp-python 0.3.36, and its Q8_1 has two half-precision numbers a block.
_BLOCKS: dict[str, tuple[int, int, int]] = {
    each.name: (each.value, *gguf.GGML_QUANT_SIZES[each]) for each in gguf.GGMLQuantizationType
} | {"Q2_0": (42, 64, 18), "Q8_1": (9, 32, 36)}

FILE_TYPES: dict[str, int] = {
    each.name.removeprefix("ALL_").removeprefix("MOSTLY_"): each.value
    for each in gguf.LlamaFileType
    if each != gguf.LlamaFileType.GUESSED
} | {"Q2_0": 41}
"""llama.cpp's names for how a file is quantized, and what ``general.file_type`` says for them."""

_UNQUANTIZED = ("F32", "F16", "BF16")

TensorType: Any = IntEnum(  # type: ignore[misc]
    "TensorType", {name: value for name, (value, _, _) in _BLOCKS.items()}
)
"""ggml's tensor types, equal to those of ``gguf.GGMLQuantizationType`` where it has them."""


def block_size(kind: str) -> int:
    """Return how many weights a block of a ``TensorType`` has: rows are multiples of it."""
    return _BLOCKS[kind][1]


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

    def raw(self, tensor: TensorInfo) -> npt.NDArray[np.uint8]:
        """Return a tensor's bytes, mapped and not read, shape (nbytes,), uint8."""
        return np.memmap(tensor.path, np.uint8, "r", tensor.offset, (tensor.nbytes,))

    @property
    def n_parts(self) -> int:
        """Into how many files the model is split, by its own metadata."""
        count = self.metadata.get(_N_PARTS, 1)
        return max(1, count) if isinstance(count, int) else 1


def read_header(path: Path) -> Header:
    """Read the header of a GGUF, and those of its other files if it is split.

    The weights are not touched. Memory and time are bounded by the size of the files, whatever
    their headers say.

    Args:
        path: The file; of a split model any of them.

    Raises:
        GgufError: If a file is missing, not a GGUF of version 2 or 3, big-endian, cut off, or
            says anything that the format does not allow, or if the files are not of one model.
    """
    header = _read_file(path)
    if header.n_parts == 1:
        return header
    files = _parts(header)
    missing = [each.name for each in files if not each.is_file()]
    if missing:
        more = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        raise GgufError(
            f"{path} is one of the {len(files):,} files of a split model, and "
            f"{listed(missing[:_MOST_NAMED])}{more} {'is' if len(missing) == 1 else 'are'} not "
            "beside it; put all of them into one folder"
        )
    return _joined([header if each == path else _read_file(each) for each in files])


def model_files(path: Path) -> tuple[Path, ...]:
    """Return the files of a GGUF, those of a split model in their order, whichever is named.

    Nothing is said of files that are missing or damaged: ``read_header`` does.
    """
    return (path,) if part_name(path) is None else _files_of(path, file_state(path))


def model_state(path: Path) -> tuple[FileState | None, ...]:
    """Return the states of the files of a GGUF; None for one that is not there."""
    return tuple(map(file_state, model_files(path)))


@functools.lru_cache(maxsize=64)
def _files_of(path: Path, _: FileState | None) -> tuple[Path, ...]:
    try:
        header = _read_file(path)
        return _parts(header) if header.n_parts > 1 else (path,)
    except GgufError:
        return (path,)


def _parts(header: Header) -> tuple[Path, ...]:
    """Return the paths of a split model's files, which llama.cpp finds by their names.

    Raises:
        GgufError: If this one has another name than it says.
    """
    number, name = _part_number(header), part_name(header.path)
    if name is None or (name.number, name.count) != (number + 1, header.n_parts):
        stem = "NAME" if name is None else name.stem
        raise GgufError(
            f"{header.path} says that it is file {number + 1:,} of the {header.n_parts:,} of a "
            "split model, and llama.cpp finds them by their names; call it "
            f"{numbered(stem, number + 1, header.n_parts)}, as the others are called"
        )
    return name.all()


def _part_number(header: Header) -> int:
    """Return which of a split model's files one says that it is, from 0.

    Raises:
        GgufError: If it says so in a type that llama.cpp ends the process for.
    """
    for key in (_PART, _N_PARTS):
        if header.types.get(key, ValueType.UINT16) != ValueType.UINT16:
            raise GgufError(
                f"{header.path} cannot be run: its {key} is no uint16; download it again"
            )
    number: int = header.metadata.get(_PART, 0)
    return number


def _joined(parts: Sequence[Header]) -> Header:
    """Return the header of a model that is split.

    Raises:
        GgufError: If the files are not of one model.
    """
    first = parts[0]
    for number, part in enumerate(parts):
        if (_part_number(part), part.n_parts) != (number, len(parts)):
            raise GgufError(
                f"{part.path} does not say that it is file {number + 1:,} of {len(parts):,} of a "
                "split model, as its name does; download it again"
            )
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    told = first.metadata.get(_N_TENSORS, len(tensors))
    if told != len(tensors) or len({each.name for each in tensors}) < len(tensors):
        raise GgufError(
            f"{first.path} and the {len(parts) - 1:,} files after it are not of one model: they "
            f"hold {len(tensors):,} tensors where it says {told}; download all of them again"
        )
    return replace(
        first,
        files=tuple(part.path for part in parts),
        file_bytes=sum(part.file_bytes for part in parts),
        tensors=tensors,
    )


def _read_file(path: Path) -> Header:
    if not path.is_file():
        raise GgufError(f"no GGUF file at {path}; check the path")
    try:
        with path.open("rb", buffering=1 << 20) as file:
            return _header(path, ValueReader(path, file))
    except OSError as error:
        raise GgufError(
            f"cannot read {path} ({error.strerror or error}); check its permissions and its disk"
        ) from error


def _header(path: Path, values: ValueReader) -> Header:
    version = _version(path, values)
    n_tensors = values.count("tensors", _MIN_TENSOR_BYTES)
    n_pairs = values.count("keys", _MIN_PAIR_BYTES)
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
        found = f"it starts with {magic!r}" if magic else "it is empty"
        raise GgufError(
            f"{path} is not a GGUF: {found}; check the path, or download or convert the model again"
        )
    version = values.integer(4)
    if version & 0xFFFF == 0 and version >> 24 in _VERSIONS:
        raise GgufError(
            f"{path} is a big-endian GGUF, and edgeval reads little-endian ones; download or "
            "convert the model for little-endian machines"
        )
    if version not in _VERSIONS:
        raise GgufError(
            f"{path} says GGUF version {version}, and edgeval reads "
            f"{' and '.join(map(str, _VERSIONS))}; download or convert the model again"
        )
    return version


def _entry(path: Path, values: ValueReader) -> TensorInfo:
    """Return one tensor, its offset from where the weights start."""
    name = values.name("a tensor's name", _MAX_NAME_BYTES)
    n_dimensions = values.integer(4)
    if n_dimensions > _MAX_DIMENSIONS:
        values.fail(f"tensor {name} has {n_dimensions:,} dimensions")
    # The file has the innermost dimension first.
    shape = tuple(values.integer(8) for _ in range(n_dimensions))[::-1]
    number = values.integer(4)
    try:
        kind = TensorType(number)
    except ValueError:
        values.fail(f"tensor {name} has the type {number}, which edgeval does not know")
    _, block_size, block_bytes = _BLOCKS[kind.name]
    row = shape[-1] if shape else 1
    if 0 in shape or row % block_size:
        values.fail(f"tensor {name} has the shape {list(shape)}, which {kind.name} cannot have")
    nbytes = math.prod(shape) // block_size * block_bytes
    return TensorInfo(name, shape, kind, values.integer(8), nbytes, path)


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
