"""Precision of types: the most precise of a ladder is the reference, and the others' source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgeval.gguf.type_sizes import BITS_PER_WEIGHT
from edgeval.records import UNQUANTIZED

DEFAULT_BASE: Final = "F16"

# Of a model without experts they are hardly applied, so that its bits say nothing of them.
_NOMINAL_BITS: Final = {"MXFP4_MOE": 4.25, "NVFP4": 4.5}


def bits(name: str) -> float:
    """Return how many bits a weight has in a file type, about; 0 for a type that is not written."""
    return _NOMINAL_BITS.get(name, BITS_PER_WEIGHT.get(name, 0.0))


def rank(name: str) -> int:
    """Return what orders types that are not quantized: F32 is the most precise, others have 0.

    BF16, which most models are published in, comes before F16.
    """
    return ("F16", "BF16", "F32").index(name) + 1 if name in UNQUANTIZED else 0


def precision(name: str, bits_per_weight: float) -> tuple[float, float, float]:
    """Return what orders files by what they kept of a model's weights: the most precise is last.

    First that is ``rank``; then the type's bits decide and, of files of one type, those that they
    really have.

    Args:
        name: llama.cpp's name of the file type.
        bits_per_weight: Tensor bits over parameters.
    """
    return rank(name), bits(name) or bits_per_weight, bits_per_weight


def reference_first(names: Sequence[str]) -> list[str]:
    """Return the types of a ladder, the one with the most bits a weight moved to the front.

    F16 and BF16 have as many: the one that is named first counts.
    """
    reference = max(names, key=bits)
    return [reference, *(name for name in names if name != reference)]


def base_for(names: Sequence[str]) -> str:
    """Return the type that a checkpoint is converted to before it is quantized.

    It is the most precise one that is asked for, so that what is compared with it has lost nothing
    else; F16 if none is.
    """
    unquantized = [name for name in names if name in UNQUANTIZED]
    return max(unquantized, key=bits, default=DEFAULT_BASE)


def with_base(names: Sequence[str], base: str) -> list[str]:
    """Return a ladder that begins with another type than its first, for the same reference."""
    return [base, *(name for name in names[1:] if name != base)]
