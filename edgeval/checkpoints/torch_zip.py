"""Tensors of a ``torch.save`` file, found without running its pickle.

Since PyTorch 1.6 such a file is a ZIP archive: ``data.pkl`` says which tensors there are (see
``pickles``), and ``data/KEY`` holds the bytes of one storage.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeval.checkpoints.pickle_values import View
from edgeval.checkpoints.pickles import followed
from edgeval.checkpoints.tensor import DTYPES, Tensor, contiguous, damaged
from edgeval.errors import CheckpointError
from edgeval.system.untrusted import printable

_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MAX_PICKLE_BYTES = 4_000_000  # Some 10,000 tensors.
_LOCAL_HEADER_BYTES = 30

# What zipfile raises for archives that are none, or are damaged.
_DAMAGED_ARCHIVE = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
    struct.error,
)


def read_torch_zip(path: Path) -> Iterator[Tensor]:
    """Yield the tensors of one file after checking that the file holds all their bytes.

    Raises:
        CheckpointError: If the file is damaged, its pickle wants more than tensors, or it was saved
            by a PyTorch before 1.6.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            root = _root(path, entries)
            for entry in entries.values():
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                    raise CheckpointError(
                        f"{path} holds {printable(entry.filename, 100)} compressed or encrypted, "
                        "which PyTorch does not do: another program packed it again; unpack it and "
                        "pack it without compression, or save it with torch.save"
                    )
            order = entries.get(f"{root}byteorder")
            if order is not None and archive.open(order).read(6) != b"little":
                raise CheckpointError(
                    f"{path} was saved on a big-endian machine; save it again on another"
                )
            if entries[f"{root}data.pkl"].file_size > _MAX_PICKLE_BYTES:
                raise damaged(path, "its data.pkl is too large to be a list of tensors")
            state = followed(path, archive.read(f"{root}data.pkl"))
    except _DAMAGED_ARCHIVE as error:
        raise _no_archive(path, error) from error
    if not isinstance(state, dict):
        raise damaged(path, "it holds no dictionary of tensors")
    with path.open("rb") as file:
        for name, value in state.items():
            if not isinstance(name, str) or not isinstance(value, View):
                raise CheckpointError(
                    f"{path}: {printable(str(name), 100)!r} is no tensor, so this is no "
                    "checkpoint of weights alone; save the model's state_dict() by itself"
                )
            storage = entries.get(f"{root}data/{value.storage.key}")
            if storage is None:
                raise damaged(path, f"the values of tensor {printable(name, 100)} are missing")
            yield _tensor(path, name, value, storage.file_size, _data_start(path, file, storage))


def _root(path: Path, entries: dict[str, zipfile.ZipInfo]) -> str:
    """Return the folder in the archive that holds everything, with its slash."""
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise CheckpointError(
            f"{path} is a ZIP archive without one data.pkl, so torch.save has not written it; "
            "unpack it if it was packed, or use the safetensors weights"
        )
    return roots[0]


def _no_archive(path: Path, error: Exception) -> CheckpointError:
    with path.open("rb") as file:
        is_legacy = file.read(len(_LEGACY_START)) == _LEGACY_START
    if is_legacy:
        return CheckpointError(
            f"{path} was saved by a PyTorch before 1.6; load it and save it again with a newer "
            "one, or use the safetensors weights"
        )
    return damaged(path, f"it is no archive of PyTorch ({printable(str(error))})")


def _data_start(path: Path, file: Any, entry: zipfile.ZipInfo) -> int:
    """Return where the bytes of an entry start; only its local header knows."""
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    if len(header) < _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise damaged(path, f"{entry.filename} is not where the archive says")
    name_bytes = int.from_bytes(header[26:28], "little")
    extra_bytes = int.from_bytes(header[28:30], "little")
    return entry.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes


def _tensor(path: Path, name: str, view: View, stored_bytes: int, start: int) -> Tensor:
    itemsize, shown = DTYPES[view.storage.dtype].itemsize, printable(name, 100)
    if min((*view.shape, *view.stride, view.offset)) < 0:
        raise damaged(path, f"tensor {shown} has shape {view.shape}")
    tensor = Tensor(
        name,
        view.shape,
        view.storage.dtype,
        path,
        start + view.offset * itemsize,
        None if _is_contiguous(view) else view.stride,
    )
    if view.end * itemsize > stored_bytes:
        raise damaged(path, f"tensor {shown} reaches beyond its values")
    if start + view.end * itemsize > path.stat().st_size:
        raise damaged(path, f"tensor {shown} ends past the end of the file")
    return tensor


def _is_contiguous(view: View) -> bool:
    pairs = zip(view.shape, view.stride, contiguous(view.shape), strict=True)
    return 0 in view.shape or all(n == 1 or stride == usual for n, stride, usual in pairs)
