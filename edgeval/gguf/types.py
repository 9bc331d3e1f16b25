"""ggml's tensor types and llama.cpp's file types: their numbers, and the blocks of the former."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import gguf

# The gguf package may differ from llama.cpp (tests/gguf/test_package.py): Q2_0 is in llama.cpp
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

_REPACKED = ("December 2024, when it began to rearrange Q4_0 by itself", "Q4_0")
_REPACKED_NL = ("December 2024, when it began to rearrange IQ4_NL by itself", "IQ4_NL")
REMOVED_TYPES: dict[int, tuple[str, tuple[str, str]]] = {
    4: ("Q4_2", ("May 2023", "Q4_0")),
    5: ("Q4_3", ("May 2023", "Q4_1")),
    31: ("Q4_0_4_4", _REPACKED),
    32: ("Q4_0_4_8", _REPACKED),
    33: ("Q4_0_8_8", _REPACKED),
    36: ("IQ4_NL_4_4", _REPACKED_NL),
    37: ("IQ4_NL_4_8", _REPACKED_NL),
    38: ("IQ4_NL_8_8", _REPACKED_NL),
}
"""Numbers that ggml.h keeps for types it had: their names, since when it has not, and which type
holds as much."""

TensorType: Any = IntEnum(  # type: ignore[misc]
    "TensorType", {name: value for name, (value, _, _) in BLOCKS.items()}
)
"""ggml's tensor types, equal to those of ``gguf.GGMLQuantizationType`` where it has them."""


def block_size(kind: str) -> int:
    """Return how many weights a block of a ``TensorType`` has: rows are multiples of it."""
    return BLOCKS[kind][1]
