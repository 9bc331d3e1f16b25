"""Part of a GGUF, a small model: speed is measured with it, whatever the size of the whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np

from edgeval.engine.kernels.writing import Bytes, write_gguf
from edgeval.gguf.header import Header, TensorInfo
from edgeval.gguf.values import ValueType

MOST_ROWS = 256
"""Rows of the vocabulary: the output is as wide as a matrix, and hardly counts."""

_MOST_BYTES = 1 << 29
_MOST_BLOCKS = 2
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_IRRELEVANT = ("context_length", "file_type", "quantization_version")
_INTEGERS: Final = ("I8", "I16", "I32", "I64")
_KEPT = ("general.architecture", "general.file_type", "general.quantization_version")


@dataclass(frozen=True)
class PartTensor:
    """A tensor of a part.

    Attributes:
        name: Its name there.
        header: Whose it is.
        source: Where it is there.
        n_rows: How many of its outermost rows are taken.
    """

    name: str
    header: Header
    source: TensorInfo
    n_rows: int

    @property
    def nbytes(self) -> int:
        """Number of its bytes."""
        return self.source.nbytes // max(1, self.source.shape[0]) * self.n_rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, outermost dimension first."""
        return (self.n_rows, *self.source.shape[1:])

    def data(self) -> Bytes:
        """Return its bytes, those of a row along the last axis."""
        data: Bytes = self.header.raw(self.source, self.nbytes).reshape(*self.shape[:-1], -1)
        return data


@dataclass(frozen=True)
class Part:
    """A model cut out of another one.

    Attributes:
        metadata: Its metadata by key.
        types: The ``ValueType`` of each value, or of an array's elements.
        tensors: Its tensors.
    """

    metadata: dict[str, Any]
    types: dict[str, Any]
    tensors: tuple[PartTensor, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def is_writable(self) -> bool:
        """Whether the gguf package knows all its types."""
        known = {int(each) for each in gguf.GGMLQuantizationType}
        return all(int(tensor.source.type) in known for tensor in self.tensors)

    @property
    def name(self) -> str:
        """A name of its shape and types: that of every model that is cut to the same."""
        numbers = {
            key: value
            for key, value in self.metadata.items()
            if _is_of_shape(value) and key.rpartition(".")[2] not in _IRRELEVANT
        }
        tensors = [(each.name, each.shape, each.source.type.name) for each in self.tensors]
        text = json.dumps([numbers, sorted(tensors)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def write(self, path: Path) -> None:
        """Write it as a GGUF.

        Raises:
            OSError: If there is no room.
        """
        tensors = {each.name: (each.data(), each.source.type) for each in self.tensors}
        write_gguf(path, self.metadata, tensors, self.types)


def _is_of_shape(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(each, (str, int)) for each in values)


def matrix_types(header: Header) -> list[str]:
    """Return the tensor types of a model's matrices, the most used first."""
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        if len(tensor.shape) > 1 and tensor.type.name not in _INTEGERS:
            sizes[tensor.type.name] += tensor.size
    return [kind for kind, _ in sizes.most_common()]


def part_of(header: Header) -> Part | None:
    """Return a part of a model: few blocks, and few rows of its vocabulary.

    The blocks are one of each of the two kinds that are there most; mixtures of types give some
    blocks more bits than others.

    Returns:
        The part, or None if there is nothing of the kind to cut out.
    """
    architecture = header.text("general.architecture")
    n_blocks = header.metadata.get(f"{architecture}.block_count")
    embedding = next((each for each in header.tensors if each.name == "token_embd.weight"), None)
    if embedding is None or not isinstance(n_blocks, int) or len(embedding.shape) != 2:
        return None
    for most in range(_MOST_BLOCKS, 0, -1):
        blocks = _typical(header.tensors, most)
        tensors = tuple(_cut(header, blocks, embedding.shape[0]))
        metadata, types = _metadata(header, str(architecture), n_blocks, blocks, embedding)
        part = Part(metadata, types, tensors)
        if blocks and part.nbytes <= _MOST_BYTES and part.is_writable:
            return part
    return None


def _typical(tensors: Sequence[TensorInfo], most: int) -> list[int]:
    """Return the first block of each of the kinds that are there most."""
    contents: dict[int, list[tuple[str, str]]] = {}
    for tensor in tensors:
        if found := _BLOCK.fullmatch(tensor.name):
            kind = f"{tensor.type.name} {tensor.shape}"
            contents.setdefault(int(found[1]), []).append((found[2], kind))
    kinds = {block: tuple(sorted(contents[block])) for block in sorted(contents)}
    chosen = [kind for kind, _ in Counter(kinds.values()).most_common(most)]
    first = {kind: block for block, kind in reversed(kinds.items())}
    return sorted(first[kind] for kind in chosen)


def _cut(header: Header, blocks: Sequence[int], n_vocab: int) -> Iterator[PartTensor]:
    places = {block: place for place, block in enumerate(blocks)}
    for tensor in header.tensors:
        if not tensor.shape:
            continue
        n_rows = tensor.shape[0]
        found = _BLOCK.fullmatch(tensor.name)
        if found is None:
            is_vocabulary = n_rows == n_vocab
            yield PartTensor(
                tensor.name, header, tensor, min(n_rows, MOST_ROWS) if is_vocabulary else n_rows
            )
        elif int(found[1]) in places:
            yield PartTensor(f"blk.{places[int(found[1])]}.{found[2]}", header, tensor, n_rows)


def _metadata(
    header: Header, architecture: str, n_blocks: int, blocks: Sequence[int], embedding: TensorInfo
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata of a part, and the types of its values."""
    metadata: dict[str, Any] = {}
    for key, value in header.metadata.items():
        if key not in _KEPT and not key.startswith(f"{architecture}."):
            continue
        if isinstance(value, np.ndarray):
            # One number for each block.
            if len(value) == n_blocks:
                value = value[list(blocks)]
            value = value.tolist()
        if isinstance(value, list) and (not value or isinstance(value[0], (list, np.ndarray))):
            continue
        metadata[key] = value
    types = {key: header.types[key] for key in metadata}
    n_rows = min(embedding.shape[0], MOST_ROWS)
    for key, number in (("block_count", len(blocks)), ("vocab_size", n_rows)):
        metadata[f"{architecture}.{key}"] = number
        types[f"{architecture}.{key}"] = ValueType.UINT32
    metadata["tokenizer.ggml.model"] = "none"
    types["tokenizer.ggml.model"] = ValueType.STRING
    return metadata, types
