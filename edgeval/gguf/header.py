"""Header of a GGUF file, every length checked against the file before memory is taken.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3,
little-endian.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import GgufError
from edgeval.gguf.types import FILE_TYPES
from edgeval.gguf.values import ValueType

N_PARTS = "split.count"

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
