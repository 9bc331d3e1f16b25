"""Reference files: NumPy's ``.npz``, a ZIP archive of arrays, the header in JSON one of them.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0.
``numpy.load`` reads the files too. Here the members are read whole, so that their checksums are
looked at, and no length in the file is believed before there are as many bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from edgeval.errors import EdgevalError
from edgeval.files import refuse_existing, replacing
from edgeval.reference.packing import DTYPES, Packed
from edgeval.reference.records import REFERENCE_VERSION, ReferenceHeader

_HEADER = "header"
_ENCRYPTED = 1
_DAMAGE = (
    *(ValueError, KeyError, EOFError, OSError, RuntimeError, SyntaxError),
    *(struct.error, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What Python's and NumPy's readers raise for bytes that are no such archive."""


def write(target: Path, header: ReferenceHeader, packed: Packed) -> ReferenceHeader:
    """Write a reference file, whole or not at all.

    Returns:
        The header with the hash that was written.

    Raises:
        EdgevalError: If the target exists or cannot be written.
    """
    refuse_existing(target)
    content = header.model_dump(mode="json")
    content["sha256"] = _hash(content, packed)
    text = np.frombuffer(json.dumps(content).encode(), np.uint8)
    members: dict[str, Any] = {_HEADER: text, **packed.arrays()}
    with replacing(target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **members)
    return ReferenceHeader.model_validate(content)


def read(path: Path, data: bytes) -> tuple[ReferenceHeader, Packed]:
    """Read a reference file.

    Args:
        path: The file, for messages.
        data: What it holds.

    Raises:
        EdgevalError: If it is no reference file, damaged, changed or of a newer edgeval.
    """
    try:
        arrays = _arrays(data)
        content = json.loads(arrays.pop(_HEADER).tobytes())
        version = content.get("schema_version") if isinstance(content, dict) else None
        is_newer = isinstance(version, int) and version > REFERENCE_VERSION
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise _unusable(path, reason) from error
    if is_newer:
        raise EdgevalError(
            f"{path} was written by a newer edgeval (schema {version}, this one reads "
            f"{REFERENCE_VERSION}); upgrade edgeval with pip install --upgrade edgeval"
        )
    try:
        header = ReferenceHeader.model_validate_json(json.dumps(_current(content)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole header"
        raise _unusable(path, f"{field}: {first['msg']}") from error
    if arrays.keys() != DTYPES.keys():
        raise _unusable(path, "it has other arrays than a reference file")
    for name, dtype in DTYPES.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise _unusable(path, f"its array {name} is of another type or shape")
    packed = Packed(**arrays)
    if content["sha256"] != _hash(content, packed):
        raise _unusable(path, "its content does not have the SHA-256 that it names")
    found = (len(packed.places), len(packed.sketch_places))
    problem = packed.problem(header.n_total)
    if problem is None and found != (header.n_items, header.kl_items):
        problem = "it has another number of items than it says"
    if problem is not None:
        raise _unusable(path, problem)
    return header, packed


def _current(content: Any) -> Any:
    """Return a header without the seconds of schema 1: a sum over all machines and threads."""
    if not isinstance(content, dict) or content.get("schema_version") != 1:
        return content
    return {name: value for name, value in content.items() if name != "elapsed_s"}


def _arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_DEFLATED or member.flag_bits & _ENCRYPTED:
                raise ValueError(f"its member {member.filename!r} is packed in another way")
        return {
            member.filename.removesuffix(".npy"): _array(archive.read(member))
            for member in archive.infolist()
        }


def _array(data: bytes) -> npt.NDArray[Any]:
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array has another version of NumPy's format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape)


def _hash(content: dict[str, Any], packed: Packed) -> str:
    """Return the hash over the header but itself, as JSON with sorted keys, and the arrays."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    for name, array in packed.arrays().items():
        digest.update(f"\n{name} {len(array)}\n".encode())
        digest.update(array.astype(DTYPES[name]).tobytes())
    return digest.hexdigest()


def _unusable(path: Path, reason: str) -> EdgevalError:
    return EdgevalError(
        f"{path} is no reference file, or a damaged one ({reason}); copy it again, or export it "
        "again with edgeval reference export"
    )
