"""Reference files: NumPy's ``.npz``, a ZIP archive of arrays, the header in JSON one of them.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0.
``numpy.load`` reads the files too. Here the members are read whole, so that their checksums are
looked at, and no length in the file is believed before it is held against the others.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from edgeval.errors import EdgevalError, written_by_newer
from edgeval.records.reference import REFERENCE_VERSION, ReferenceHeader
from edgeval.store.reference_archive import Archive
from edgeval.store.reference_packing import DTYPES, Packed, problem_of_lengths
from edgeval.system.files import refuse_existing, replacing
from edgeval.system.untrusted import parse_json, printable, problem

_HEADER = "header"
_MAX_HEADER_BYTES: Final = 4_000_000
"""Genuine ones have some thousand, and a few hundred for each command that scored items."""
_BITS: Final = 53
"""Of an integer; no count of tokens or bytes has as many, and their sums stay below 64."""
_DAMAGE = (
    *(ValueError, KeyError, EOFError, OSError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)
"""What Python's readers raise for bytes that are no such archive."""


def write(target: Path, header: ReferenceHeader, packed: Packed) -> ReferenceHeader:
    """Write a reference file, whole or not at all.

    Returns:
        The header with the hash that was written.

    Raises:
        EdgevalError: If the target exists or cannot be written.
    """
    refuse_existing(target)
    content = header.model_dump(mode="json")
    # As in a store: what a key did not name before, a file of the same meaning does not name now.
    content["setting"] = json.loads(header.setting.text)
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
        archive = Archive(data)
        content = _content(archive)
        _refuse_newer(path, content)
        header = ReferenceHeader.model_validate_json(json.dumps(_current(content)), strict=True)
        packed = _packed(archive, header)
        if content["sha256"] != _hash(content, packed):
            raise ValueError("its content does not have the SHA-256 that it names")
    except ValidationError as error:
        raise _unusable(path, problem(error, "the whole header")) from error
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise _unusable(path, printable(reason)) from error
    return header, packed


def _content(archive: Archive) -> Any:
    if _HEADER not in archive.names:
        raise ValueError("it has no header")
    text = archive.array(_HEADER, "|u1", _MAX_HEADER_BYTES)
    return parse_json(text.tobytes(), unique=True, bits=_BITS)


def _refuse_newer(path: Path, content: Any) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > REFERENCE_VERSION:
        raise EdgevalError(written_by_newer(path, version, REFERENCE_VERSION))


def _current(content: Any) -> Any:
    """Return a header without the seconds of schema 1: a sum over all machines and threads."""
    if not isinstance(content, dict) or content.get("schema_version") != 1:
        return content
    return {name: value for name, value in content.items() if name != "elapsed_s"}


def _packed(archive: Archive, header: ReferenceHeader) -> Packed:
    """Return the arrays; what they say of their lengths is judged before they are unpacked."""
    if sorted(archive.names) != sorted([_HEADER, *DTYPES]):
        raise ValueError("it has other arrays than a reference file")
    lengths = archive.lengths(DTYPES)
    found = (lengths["places"], lengths["sketch_places"])
    reason = problem_of_lengths(lengths)
    if reason is None and found != (header.n_items, header.kl_items):
        reason = "it has another number of items than it says"
    if reason is None:
        packed = Packed(**{name: archive.array(name, dtype) for name, dtype in DTYPES.items()})
        reason = packed.problem(header.n_total)
    if reason is not None:
        raise ValueError(reason)
    return packed


def _hash(content: dict[str, Any], packed: Packed) -> str:
    """Return the hash over the header but itself, as JSON with sorted keys, and the arrays."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    for name, array in packed.arrays().items():
        digest.update(f"\n{name} {len(array)}\n".encode())
        digest.update(np.ascontiguousarray(array, DTYPES[name]).view(np.uint8).data)
    return digest.hexdigest()


def _unusable(path: Path, reason: str) -> EdgevalError:
    return EdgevalError(
        f"{path} is no reference file, or a damaged one ({reason}); copy it again, or export it "
        "again with edgeval reference export"
    )
