"""Archive of NumPy's arrays that others may have made: nothing is unpacked before it is due.

The formats: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, of which ``zipfile`` reads
all, and https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0. What a
member says of its size is held against what its array needs, and no more than that is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from edgeval.system.untrusted import printable

_ENCRYPTED: Final = 1
_ENTRY: Final = b"PK\1\2"
_MAX_ENTRIES: Final = 64
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_MAX_NPY_HEADER_BYTES: Final = 1024
_NPY_HEADER: Final = re.compile(
    rb"\{'descr': '([^'\\]{1,16})', 'fortran_order': (?:False|True), 'shape': \((.{0,200})\), \}\s*"
)
_LENGTH: Final = re.compile(rb"(\d{1,15}),")
_CHUNK_BYTES: Final = 1 << 20
_SLACK_BYTES, _MOST_FOLD = 1 << 20, 10
"""Scores are random in all but a few bits: in files they take more than half of what they take in
memory. A megabyte that is said to be ten is not believed."""


class Archive:
    """Arrays of one dimension in an archive."""

    def __init__(self, data: bytes) -> None:
        """Read the directory.

        Args:
            data: The archive.

        Raises:
            ValueError: If it is none, or has members that NumPy would not write.
            zipfile.BadZipFile: If it is none.
        """
        # The directory of a few megabytes may name a hundred thousand members.
        if data.count(_ENTRY) > _MAX_ENTRIES:
            raise ValueError("it has more members than a reference file")
        self._n_bytes = len(data)
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        for member in self._archive.infolist():
            if member.compress_type != zipfile.ZIP_DEFLATED or member.flag_bits & _ENCRYPTED:
                name = printable(member.filename, 60)
                raise ValueError(f"its member {name!r} is packed in another way")

    @property
    def names(self) -> list[str]:
        """Names of the arrays, in the archive's order; one may be there twice."""
        return [each.filename.removesuffix(".npy") for each in self._archive.infolist()]

    def lengths(self, dtypes: Mapping[str, str]) -> dict[str, int]:
        """Return what members say of their lengths, without unpacking them.

        Args:
            dtypes: NumPy's names of the types that they have.

        Raises:
            ValueError: If a type or a shape is another, or they are said to be more than can be
                packed in an archive of this size.
        """
        found = {}
        for name, dtype in dtypes.items():
            with self._archive.open(f"{name}.npy") as stream:
                found[name] = _length(stream, name, dtype)
        wanted = sum(found[name] * np.dtype(dtype).itemsize for name, dtype in dtypes.items())
        if wanted > _SLACK_BYTES + _MOST_FOLD * self._n_bytes:
            raise ValueError(
                f"its arrays are said to have {wanted / 1e6:,.1f} MB, which scores in "
                f"{self._n_bytes / 1e6:,.1f} MB cannot have"
            )
        return found

    def array(self, name: str, dtype: str, limit_bytes: int | None = None) -> npt.NDArray[Any]:
        """Return an array, read to its end, so that its checksum is looked at.

        Args:
            name: Its name.
            dtype: NumPy's name of its type.
            limit_bytes: The most that it may have.

        Returns:
            Shape (n,) of that type.

        Raises:
            ValueError: If it is of another type or shape, or has more or fewer bytes than it says.
            zipfile.BadZipFile: If its checksum is another.
        """
        with self._archive.open(f"{name}.npy") as stream:
            length = _length(stream, name, dtype)
            if limit_bytes is not None and length * np.dtype(dtype).itemsize > limit_bytes:
                raise ValueError(f"its {name} has {length:,} bytes, and at most {limit_bytes:,}")
            found = np.empty(length, dtype)
            _fill(found.view(np.uint8).data, stream, name)
        return found


def _length(stream: IO[bytes], name: str, dtype: str) -> int:
    """Return the length of an array from what comes before it."""
    magic = stream.read(len(_MAGIC) + 2)
    if magic[: len(_MAGIC)] != _MAGIC:
        raise ValueError(f"its array {name} is in another version of NumPy's format")
    n_bytes = int.from_bytes(magic[len(_MAGIC) :], "little")
    header = _NPY_HEADER.fullmatch(stream.read(min(n_bytes, _MAX_NPY_HEADER_BYTES)))
    length = header and _LENGTH.fullmatch(header[2])
    if header is None or length is None or header[1] != dtype.encode():
        raise ValueError(f"its array {name} is of another type or shape")
    return int(length[1])


def _fill(target: memoryview, stream: IO[bytes], name: str) -> None:
    """Fill an array with what follows, which is to be as long."""
    filled = 0
    while chunk := stream.read(min(_CHUNK_BYTES, len(target) - filled) or 1):
        if filled + len(chunk) > len(target):
            raise ValueError(f"its array {name} is longer than it says")
        target[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    if filled < len(target):
        raise ValueError(f"its array {name} is shorter than it says")
