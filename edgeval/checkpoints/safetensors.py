"""Tensors of a safetensors file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeval.checkpoints.tensor import DTYPES, MAX_DIMENSIONS, Tensor, damaged, unusable
from edgeval.system.untrusted import UnreadableError, open_regular, parse_json, printable

_MAX_HEADER_BYTES = 16_000_000  # Some 100,000 tensors; JSON takes many times as much memory.


def read_safetensors(path: Path) -> Iterator[Tensor]:
    """Yield the tensors of one file after checking that the file holds all their bytes.

    The format: 8 bytes of little-endian header length, a JSON header, then the data
    (https://github.com/huggingface/safetensors).

    Raises:
        CheckpointError: If the file is damaged or of another kind, or a tensor has a type that
            NumPy does not.
    """
    try:
        with open_regular(path) as file:
            size = path.stat().st_size
            header_bytes = int.from_bytes(file.read(8), "little")
            if size < 8 or header_bytes > min(size - 8, _MAX_HEADER_BYTES):
                raise damaged(path, "its header is cut off")
            header = parse_json(file.read(header_bytes), unique=True)
    except OSError as error:
        raise damaged(path, str(error)) from error
    except UnreadableError as error:
        raise damaged(path, f"its header: {error}") from error
    if not isinstance(header, dict):
        raise damaged(path, "its header is not an object")
    for name, entry in header.items():
        if name != "__metadata__":
            yield _tensor(path, name, entry, data_start=8 + header_bytes, size=size)


def _tensor(path: Path, name: str, entry: Any, *, data_start: int, size: int) -> Tensor:
    shown = printable(name, 100)
    try:
        begin, end = (int(offset) for offset in entry["data_offsets"])
        shape = tuple(int(n) for n in entry["shape"])
        dtype = str(entry["dtype"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(path, f"the entry of tensor {shown} is malformed") from error
    if dtype not in DTYPES:
        raise unusable(path, shown, printable(dtype, 40))
    if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0 or begin < 0:
        raise damaged(path, f"tensor {shown} has shape {printable(str(shape), 100)}")
    tensor = Tensor(name, shape, dtype, path, data_start + begin)
    if end - begin != tensor.nbytes:
        raise damaged(path, f"tensor {shown} has shape {shape} and {end - begin} bytes")
    if data_start + end > size:
        raise damaged(path, f"tensor {shown} ends {data_start + end - size:,} bytes past its end")
    return tensor
