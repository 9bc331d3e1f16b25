"""Tensors of a checkpoint: where their bytes are, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from edgeval.errors import CheckpointError
from edgeval.system.file_kinds import kind_of

_BF16 = np.dtype("<u2")
_BYTE = np.dtype("u1")
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": _BF16,
    "F8_E4M3": _BYTE,
    "F8_E5M2": _BYTE,
    "F8_E8M0": _BYTE,
    "C64": np.dtype("<c8"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": _BYTE,
    "BOOL": np.dtype("?"),
}
"""Element types by the names of the safetensors format; BF16 and the smaller ones as their bits."""

WEIGHT_DTYPES = ("F64", "F32", "F16", "BF16")
"""The types of weights; tensors of integers are buffers that a conversion leaves out."""

MAX_DIMENSIONS = 8
"""No weight has more; a damaged file may say anything."""

_SCATTERED = 4
_SMALL_SPAN = 1 << 16


@dataclass(frozen=True)
class Tensor:
    """One tensor in a file of weights.

    Attributes:
        name: Its name in the checkpoint.
        shape: Its shape, outermost dimension first; empty for a single number.
        dtype: A name of ``DTYPES``.
        path: The file that holds it.
        offset: Where its first element is in the file, in bytes.
        strides: From one element to the next of each dimension, in elements; None where they follow
            one another.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    path: Path
    offset: int
    strides: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes of its elements."""
        return self.size * DTYPES[self.dtype].itemsize

    def rows(self, begin: int = 0, end: int | None = None) -> npt.NDArray[Any]:
        """Read some rows, all by default, shape (rows, row size); BF16 as its bits.

        They are read, not mapped: the pages of a mapped file count as the process's memory.
        """
        n_rows = (self.shape[0] if end is None else end) - begin
        strides = self.strides or contiguous(self.shape)
        dtype = DTYPES[self.dtype]
        with self.path.open("rb") as file:
            values = self._elements(
                file,
                self.offset + begin * strides[0] * dtype.itemsize,
                (n_rows, *self.shape[1:]),
                strides,
            )
        return values.reshape(n_rows, self.size // self.shape[0])

    def _elements(
        self, file: BinaryIO, place: int, shape: Sequence[int], strides: Sequence[int]
    ) -> npt.NDArray[Any]:
        """Read the elements of a block: in one piece, or in several where they are far apart."""
        dtype, n = DTYPES[self.dtype], math.prod(shape)
        span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if span <= max(_SCATTERED * n, _SMALL_SPAN):
            file.seek(place)
            values = np.fromfile(file, dtype=dtype, count=span)
            if len(values) != span:
                raise damaged(self.path, f"tensor {self.name} is cut off")
            steps = [stride * dtype.itemsize for stride in strides]
            return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values, shape, steps))
        widest = max(range(len(shape)), key=lambda axis: strides[axis] * (shape[axis] > 1))
        inner = [list(each) for each in (shape, strides)]
        step = inner[1].pop(widest) * dtype.itemsize
        inner[0].pop(widest)
        parts = [
            self._elements(file, place + index * step, inner[0], inner[1])
            for index in range(shape[widest])
        ]
        return np.stack(parts, axis=widest)


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a tensor whose elements follow one another, in elements."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def as_float32(raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return raw rows as float32; BF16 is the upper half of the same float32."""
    if raw.dtype == _BF16:
        bits = raw.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    return raw.astype(np.float32, copy=False)


def as_float64(raw: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return raw rows as float64, which holds every value of every type of weights."""
    return raw if raw.dtype == np.float64 else as_float32(raw).astype(np.float64)


def damaged(path: Path, why: str) -> CheckpointError:
    """Return the error for a file that is not what its format says, or of another format."""
    try:
        kind = kind_of(path)
    except OSError as error:
        return CheckpointError(f"cannot read {path} ({error.strerror or error}); check the path")
    if kind is not None and path.suffix not in kind.suffixes:
        return CheckpointError(f"{path} is {kind.what}; {kind.remedy}")
    return CheckpointError(f"{path} is damaged or incomplete: {why}; download it again")


def unusable(path: Path, name: str, dtype: str) -> CheckpointError:
    """Return the error for a tensor whose values are no weights."""
    return CheckpointError(
        f"{path}: tensor {name} is {dtype}, and edgeval converts {', '.join(WEIGHT_DTYPES)}; "
        "use the unquantized checkpoint"
    )
