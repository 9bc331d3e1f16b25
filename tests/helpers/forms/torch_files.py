"""Writes files as ``torch.save`` does, instruction by instruction, without torch."""

from __future__ import annotations

import json
import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

STORAGES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<u2": "BFloat16Storage"}
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def text(value: str) -> bytes:
    """Return the instruction that pushes a string."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    """Return the instruction that pushes a number."""
    return b"J" + struct.pack("<i", value)


def several(*parts: bytes) -> bytes:
    """Return the instructions that push a tuple."""
    return b"(" + b"".join(parts) + b"t"


def tensor(
    key: str,
    shape: tuple[int, ...],
    *,
    storage: str = "FloatStorage",
    offset: int = 0,
    stride: tuple[int, ...] | None = None,
) -> bytes:
    """Return the instructions that push a tensor."""
    size = math.prod(shape)
    place = several(
        text("storage"), b"ctorch\n%s\n" % storage.encode(), text(key), text("cpu"), integer(size)
    )
    strides = stride or tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    arguments = several(
        place + b"Q",
        integer(offset),
        several(*map(integer, shape)),
        several(*map(integer, strides)),
        b"\x89",
        ORDERED_DICT,
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def program(values: Mapping[str, bytes]) -> bytes:
    """Return the pickle of an ordered dictionary, given the instructions of its values."""
    pairs = b"".join(text(name) + value for name, value in values.items())
    return b"\x80\x02" + ORDERED_DICT + b"(" + pairs + b"u."


def write_archive(
    path: Path,
    pickled: bytes,
    storages: Mapping[str, bytes],
    *,
    compression: int = zipfile.ZIP_STORED,
    byteorder: bytes = b"little",
) -> Path:
    """Write the ZIP archive around a pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", byteorder)
        for key, content in storages.items():
            archive.writestr(f"archive/data/{key}", content)
        archive.writestr("archive/version", b"3\n")
    return path


def save(path: Path, tensors: Mapping[str, npt.NDArray[Any]]) -> Path:
    """Write tensors as float32, float16 or (uint16) bfloat16."""
    values, storages = {}, {}
    for index, (name, array) in enumerate(tensors.items()):
        storage = STORAGES[array.dtype.str]
        values[name] = tensor(str(index), array.shape, storage=storage)
        storages[str(index)] = np.ascontiguousarray(array).tobytes()
    return write_archive(path, program(values), storages)


def save_shards(directory: Path, tensors: Mapping[str, npt.NDArray[Any]], n: int) -> None:
    """Write ``pytorch_model-0000I-of-0000N.bin`` and their index."""
    names = [f"pytorch_model-{index + 1:05}-of-{n:05}.bin" for index in range(n)]
    weight_map = {name: names[index % n] for index, name in enumerate(tensors)}
    for shard in names:
        save(directory / shard, {k: v for k, v in tensors.items() if weight_map[k] == shard})
    index = json.dumps({"metadata": {}, "weight_map": weight_map})
    (directory / "pytorch_model.bin.index.json").write_text(index, encoding="utf-8")
