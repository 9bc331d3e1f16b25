"""GGUFs in several files, as llama-gguf-split writes them."""

from __future__ import annotations

from pathlib import Path

from edgeval.gguf.parts import read_header
from edgeval.gguf.values import ValueType
from tests.helpers.gguf_bytes import File, decoded

U16, I32 = int(ValueType.UINT16), int(ValueType.INT32)


def split(source: File | Path, folder: Path, name: str = "model", firsts: int = 0) -> list[Path]:
    """Write a model in three files and return them; the first holds so many tensors."""
    file = decoded(read_header(source)) if isinstance(source, Path) else source
    n = len(file.tensors)
    middle = (firsts + n + 1) // 2
    cuts = (file.tensors[:firsts], file.tensors[firsts:middle], file.tensors[middle:])
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, tensors in enumerate(cuts):
        keys = {
            "split.no": (U16, number),
            "split.count": (U16, len(cuts)),
            "split.tensors.count": (I32, n),
        }
        metadata = file.metadata | keys if number == 0 else dict(keys)
        paths.append(folder / f"{name}-{number + 1:05d}-of-{len(cuts):05d}.gguf")
        paths[-1].write_bytes(File(metadata, list(tensors)).encoded())
    return paths
