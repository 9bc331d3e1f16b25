"""One tensor of a checkpoint: where its bytes are, and how they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import CheckpointError

_BF16 = np.dtype("<u2")
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": _BF16,
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""Element types by the names of the safetensors format, BF16 as its bits."""

WEIGHT_DTYPES = ("F32", "F16", "BF16")
"""The types of weights; tensors of the others are buffers that a conversion leaves out."""

MAX_DIMENSIONS = 8
"""No weight has more; a damaged file may say anything."""


@dataclass(frozen=True)
class Tensor:
    """One tensor in a file of weights.

    Attributes:
        name: Its name in the checkpoint.
        shape: Its shape, outermost dimension first.
        dtype: A name of ``DTYPES``.
        path: The file that holds it.
        offset: Where its bytes start in the file; they are contiguous.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    path: Path
    offset: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes in the file."""
        return self.size * DTYPES[self.dtype].itemsize

    def rows(self, begin: int = 0, end: int | None = None) -> npt.NDArray[Any]:
        """Read some rows, all by default, shape (rows, row size); BF16 as its bits.

        They are read, not mapped: the pages of a mapped file count as the process's memory.
        """
        dtype, row_size = DTYPES[self.dtype], self.size // self.shape[0]
        n_rows = (self.shape[0] if end is None else end) - begin
        with self.path.open("rb") as file:
            file.seek(self.offset + begin * row_size * dtype.itemsize)
            values = np.fromfile(file, dtype=dtype, count=n_rows * row_size)
        if len(values) != n_rows * row_size:
            raise damaged(self.path, f"tensor {self.name} is cut off")
        return values.reshape(n_rows, row_size)


def as_float32(raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return raw rows as float32; BF16 is the upper half of the same float32."""
    if raw.dtype == _BF16:
        bits = raw.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    return raw.astype(np.float32, copy=False)


def damaged(path: Path, why: str) -> CheckpointError:
    """Return the error for a file that is not what its format says."""
    return CheckpointError(f"{path} is damaged or incomplete: {why}; download it again")


def unusable(path: Path, name: str, dtype: str) -> CheckpointError:
    """Return the error for a tensor whose values are no weights."""
    return CheckpointError(
        f"{path}: tensor {name} is {dtype}, and edgeval converts {', '.join(WEIGHT_DTYPES)}; "
        "use the unquantized checkpoint"
    )
