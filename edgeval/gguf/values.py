"""Values of a GGUF's header, each checked against the file before it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

import gguf
import numpy as np

from edgeval.errors import GgufError

ValueType: Any = gguf.GGUFValueType
"""The format's types of metadata."""

# No vocabulary and no template is longer; a damaged file may say anything.
_MAX_LENGTH = 1 << 24
_MAX_NESTING = 4
_MAX_ARRAYS = 1 << 16
_LONG_NAME = 1 << 10
# The fewest bytes of a string, and of an array in an array.
_MIN_STRING_BYTES = 8
_MIN_ARRAY_BYTES = 4 + 8

_DTYPES: dict[Any, np.dtype[Any]] = {
    ValueType.UINT8: np.dtype("u1"),
    ValueType.INT8: np.dtype("i1"),
    ValueType.UINT16: np.dtype("<u2"),
    ValueType.INT16: np.dtype("<i2"),
    ValueType.UINT32: np.dtype("<u4"),
    ValueType.INT32: np.dtype("<i4"),
    ValueType.UINT64: np.dtype("<u8"),
    ValueType.INT64: np.dtype("<i8"),
    ValueType.FLOAT32: np.dtype("<f4"),
    ValueType.FLOAT64: np.dtype("<f8"),
    ValueType.BOOL: np.dtype("?"),
}


class ValueReader:
    """Reads the values of one file one after another, never past its end.

    Attributes:
        size: Bytes of the file.
        left: Bytes not read yet.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self.size = self.left = path.stat().st_size
        self._arrays_left = _MAX_ARRAYS

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        data = self._file.read(n_bytes) if n_bytes <= self.left else b""
        if len(data) != n_bytes:
            self.fail("it ends within its header")
        self.left -= n_bytes
        return data

    def integer(self, n_bytes: int) -> int:
        """Return an unsigned integer."""
        return int.from_bytes(self.take(n_bytes), "little")

    def count(self, what: str, min_bytes: int, most: int = _MAX_LENGTH) -> int:
        """Return a number of things that each take at least so many of the bytes left."""
        n = self.integer(8)
        if n * min_bytes > self.left:
            self.fail(f"it says that it has {n:,} {what}, more than it has room for")
        if n > most:
            self.fail(f"it says that it has {n:,} {what}, more than any model has")
        return n

    def name(self, what: str, max_bytes: int) -> str:
        """Return a string that names something."""
        length = self.integer(8)
        if max_bytes < length <= _LONG_NAME:
            self.refuse(
                f"was made for another program than llama.cpp: {what} has {length:,} bytes, and it "
                f"reads {max_bytes:,}; evaluate a model that generates text with llama.cpp"
            )
        if not 0 < length <= max_bytes:
            self.fail(f"{what} has {length:,} bytes")
        name = _text(self.take(length))
        if not name.isprintable():
            self.fail(f"{what} is not printable text")
        return name

    def value(self, key: str) -> tuple[Any, Any]:
        """Return a value of metadata as the type of it, or of its elements, and the value."""
        kind = self._type(key)
        if kind == ValueType.ARRAY:
            return self._array(key, _MAX_NESTING)
        if kind == ValueType.STRING:
            return kind, _text(self.take(self.count(f"bytes of {key}", 1)))
        return kind, self._numbers(key, kind, 1)[0].item()

    def _array(self, key: str, nesting: int) -> tuple[Any, Any]:
        kind = self._type(key)
        if kind == ValueType.ARRAY:
            if not nesting:
                self.fail(f"the arrays of {key} are nested too deep")
            n = self.count(f"arrays of {key}", _MIN_ARRAY_BYTES, self._arrays_left)
            self._arrays_left -= n
            return kind, [self._array(key, nesting - 1)[1] for _ in range(n)]
        if kind == ValueType.STRING:
            return kind, self._strings(key)
        n = self.count(f"elements of {key}", _DTYPES[kind].itemsize)
        return kind, self._numbers(key, kind, n)

    def _numbers(self, key: str, kind: Any, n: int) -> Any:
        dtype = _DTYPES[kind]
        data = self.take(n * dtype.itemsize)
        if kind == ValueType.BOOL and data.strip(b"\x00\x01"):
            self.fail(f"{key} has a truth value that is neither 0 nor 1")
        return np.frombuffer(data, dtype)

    def _strings(self, key: str) -> list[str]:
        """Return an array of strings; there may be hundreds of thousands."""
        n = self.count(f"strings of {key}", _MIN_STRING_BYTES)
        read: Callable[[int], bytes] = self._file.read
        left = self.left
        strings = []
        for _ in range(n):
            length = int.from_bytes(read(_MIN_STRING_BYTES), "little")
            left -= _MIN_STRING_BYTES + length
            if left < 0:
                self.fail(f"a string of {key} ends {-left:,} bytes past its end")
            strings.append(_text(read(length)))
        self.left = left
        return strings

    def _type(self, key: str) -> Any:
        number = self.integer(4)
        try:
            return ValueType(number)
        except ValueError:
            self.fail(f"{key} has the type {number}, which the format does not have")

    def fail(self, why: str) -> NoReturn:
        """Raise the error of a file that is not what the format allows."""
        raise GgufError(
            f"{self._path} is damaged or incomplete: {why:.300}; download or convert it again"
        )

    def refuse(self, what: str) -> NoReturn:
        """Raise the error of a file that is whole, and not of use here."""
        raise GgufError(f"{self._path} {what}")


def _text(data: bytes) -> str:
    # Not every vocabulary is UTF-8: some have tokens that are parts of a character.
    return data.decode("utf-8", "surrogateescape")
