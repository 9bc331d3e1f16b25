"""ggml's tensor types and llama.cpp's file types: their numbers, and the blocks of the former."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import gguf

# The gguf package may differ from llama.cpp (tests/test_gguf_package.py): Q2_0 is in llama.cpp
# since llama-cpp-python 0.3.36, and its Q8_1 has two half-precision numbers a block.
BLOCKS: dict[str, tuple[int, int, int]] = {
    each.name: (each.value, *gguf.GGML_QUANT_SIZES[each]) for each in gguf.GGMLQuantizationType
} | {"Q2_0": (42, 64, 18), "Q8_1": (9, 32, 36)}
"""By name of a tensor type: its number, weights in a block, and bytes of a block."""

FILE_TYPES: dict[str, int] = {
    each.name.removeprefix("ALL_").removeprefix("MOSTLY_"): each.value
    for each in gguf.LlamaFileType
    if each != gguf.LlamaFileType.GUESSED
} | {"Q2_0": 41}
"""llama.cpp's names for how a file is quantized, and what ``general.file_type`` says for them."""

TensorType: Any = IntEnum(  # type: ignore[misc]
    "TensorType", {name: value for name, (value, _, _) in BLOCKS.items()}
)
"""ggml's tensor types, equal to those of ``gguf.GGMLQuantizationType`` where it has them."""


def block_size(kind: str) -> int:
    """Return how many weights a block of a ``TensorType`` has: rows are multiples of it."""
    return BLOCKS[kind][1]
