"""Bars for tensor types: what their blocks mean, and how exact their kernels are."""

from __future__ import annotations

from typing import Final

import gguf
import numpy as np

CODEBOOKS: Final = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S")
"""Types whose weights are looked up, many together."""

_OF_32: Final = ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "MXFP4", "NVFP4")
_BARS: Final = {
    "F32": 0.001,
    **dict.fromkeys(("F16", "BF16"), 0.2),
    **dict.fromkeys(_OF_32, 0.8),
    **dict.fromkeys(CODEBOOKS, 2.0),
}
_OTHER_BAR: Final = 1.4


def bar(kind: str) -> float:
    """Return the largest difference of a log-probability that is sound with a tensor type, in nats.

    Each is about three times the most that sound kernels differed by with the small models of
    thirty seeds: kernels for SSE, AVX, AVX2 and AVX-512 that read the layout of the file, those
    that rearrange it, and AMX's of F16. They were 1e-5 for F32; 0.010 for F16 and 0.073 for BF16,
    whose kernels round activations as some CPUs' do for F16 too; 0.25 for types of blocks of 32
    weights and 0.47 for those of 256, whose kernels round the activations of as many together to
    eight bits; 0.69 for those of codebooks, whose models have more unequal rows.

    A kernel that takes one scale of a row for half as much again is off by 6 nats or more, one that
    leaves out the last 32 weights by 9, one that takes two rows for each other by 16.
    """
    return _BARS.get(kind, _OTHER_BAR)


def is_expandable(kind: str) -> bool:
    """Return whether the gguf package says which values a type's blocks mean."""
    try:
        known = gguf.GGMLQuantizationType[kind]
        _, block_bytes = gguf.GGML_QUANT_SIZES[known]
        gguf.quants.dequantize(np.zeros((1, block_bytes), np.uint8), known)
    except (KeyError, NotImplementedError):
        return False
    return True
