"""Read a Hugging Face checkpoint directory, tensor by tensor, without torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.errors import CheckpointError

_TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_INDEX = "model.safetensors.index.json"
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
_MAX_HEADER_BYTES = 100_000_000  # The limit of the safetensors format.


@dataclass(frozen=True)
class Tensor:
    """One tensor in a safetensors file.

    Attributes:
        name: Its name in the checkpoint.
        shape: Its shape, outermost dimension first.
        dtype: ``F32``, ``F16`` or ``BF16``.
        path: The file that holds it.
        offset: Where its bytes start in the file.
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
        return self.size * _DTYPES[self.dtype].itemsize

    def rows(self) -> npt.NDArray[Any]:
        """Return the raw values, mapped and not read, shape (rows, row size); BF16 as its bits."""
        return np.memmap(
            self.path,
            dtype=_DTYPES[self.dtype],
            mode="r",
            offset=self.offset,
            shape=(self.shape[0], self.size // self.shape[0]),
        )


def as_float32(raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return raw rows as float32; BF16 is the upper half of the same float32."""
    if raw.dtype == _DTYPES["BF16"]:
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32)


class Checkpoint:
    """A checkpoint directory: its configuration, tensors and tokenizer files."""

    def __init__(self, directory: Path) -> None:
        """Open a directory; no weights are read.

        Raises:
            CheckpointError: If there is no such directory or it has no usable config.json.
        """
        if not directory.is_dir():
            raise CheckpointError(f"no checkpoint directory at {directory}; check the path")
        self.directory = directory
        self.config: dict[str, Any] = self._read_config()

    def _read_config(self) -> dict[str, Any]:
        path = self.directory / "config.json"
        if not path.is_file():
            raise CheckpointError(
                f"{self.directory} has no config.json, so it is not a Hugging Face checkpoint; "
                "give the folder that holds config.json and *.safetensors"
            )
        config = read_json(path)
        if not isinstance(config, dict):
            raise CheckpointError(f"{path} is not a JSON object; download it again")
        return config

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, in the order of their names.

        Raises:
            CheckpointError: If the weights are missing, truncated or of an unknown type.
        """
        found: dict[str, Tensor] = {}
        for path in self.weight_files():
            for tensor in _read_safetensors(path):
                if tensor.name in found:
                    raise CheckpointError(
                        f"tensor {tensor.name} is in {found[tensor.name].path.name} and in "
                        f"{path.name}; remove the file that does not belong to the checkpoint"
                    )
                found[tensor.name] = tensor
        return dict(sorted(found.items()))

    def weight_files(self) -> list[Path]:
        """Return the safetensors files: the shards of the index, or the single file."""
        index_path = self.directory / _INDEX
        if index_path.is_file():
            index = read_json(index_path)
            weight_map = index.get("weight_map") if isinstance(index, dict) else None
            if not isinstance(weight_map, dict) or not weight_map:
                raise CheckpointError(f"{index_path} has no weight_map; download it again")
            names = sorted({Path(str(name)).name for name in weight_map.values()})
            paths = [self.directory / name for name in names]
        else:
            paths = [self.directory / "model.safetensors"]
        for path in paths:
            if not path.is_file():
                raise CheckpointError(
                    f"{self.directory} has no {path.name}; edgeval reads safetensors weights, "
                    "so download them, or bring a GGUF made by llama.cpp"
                )
        return paths

    def files(self) -> list[Path]:
        """Return every file that decides what the converted model is."""
        names = ("config.json", "generation_config.json", _INDEX, *_TOKENIZER_FILES)
        present = [self.directory / name for name in names if (self.directory / name).is_file()]
        return [*present, *self.weight_files()]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and contents of ``files()``, as hexadecimal digits."""
        digest = hashlib.sha256()
        for path in sorted(self.files(), key=lambda path: path.name):
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
        return digest.hexdigest()


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        CheckpointError: If the file is not UTF-8 JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); download it again") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(buffer):
            digest.update(buffer[:n])
    return digest.hexdigest()


def _read_safetensors(path: Path) -> Iterator[Tensor]:
    """Yield the tensors of one file after checking that the file holds all their bytes.

    The format: 8 bytes of little-endian header length, a JSON header, then the data
    (https://github.com/huggingface/safetensors).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        if size < 8 or header_bytes > min(size - 8, _MAX_HEADER_BYTES):
            raise _damaged(path, "its header is cut off")
        try:
            header = json.loads(file.read(header_bytes))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise _damaged(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not an object")
    for name, entry in header.items():
        if name != "__metadata__":
            yield _tensor(path, str(name), entry, data_start=8 + header_bytes, size=size)


def _tensor(path: Path, name: str, entry: Any, *, data_start: int, size: int) -> Tensor:
    try:
        begin, end = (int(offset) for offset in entry["data_offsets"])
        shape = tuple(int(n) for n in entry["shape"])
        dtype = str(entry["dtype"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"the entry of tensor {name} is malformed") from error
    if dtype not in _DTYPES:
        raise CheckpointError(
            f"{path}: tensor {name} is {dtype}, and edgeval converts {', '.join(_DTYPES)}; "
            "use the unquantized checkpoint"
        )
    tensor = Tensor(name, shape, dtype, path, data_start + begin)
    if not shape or min(shape) < 1 or begin < 0 or end - begin != tensor.nbytes:
        raise _damaged(path, f"tensor {name} has shape {shape} and {end - begin} bytes")
    if data_start + end > size:
        raise _damaged(path, f"tensor {name} ends {data_start + end - size:,} bytes past its end")
    return tensor


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path} is damaged or incomplete: {why}; download it again")
