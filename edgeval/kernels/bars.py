"""How far sound kernels are from exact arithmetic."""

from __future__ import annotations

from typing import Final

_OF_FLOATS: Final = {"F32": 0.001, "F16": 0.2, "BF16": 0.2}
_OF_32: Final = ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "MXFP4", "NVFP4")


def bar(kind: str) -> float:
    """Return the largest difference of a log-probability that is sound with a tensor type, in nats.

    Each is about three times the most that sound kernels differed by with the small models of forty
    seeds: AVX-512 kernels that read the layout of the file, those that rearrange it, and AMX's of
    F16. They were 1e-5 for F32; 0.010 for F16 and 0.073 for BF16, whose kernels round activations
    as some CPUs' do for F16 too; 0.26 for types of blocks of 32 weights and 0.42 for those of 256,
    whose kernels round the activations of as many together to eight bits.

    A kernel that reads the scales of one in eight groups wrongly by half is off by 7 nats, one that
    takes two rows for each other by 16, one that doubles a group of every sixteenth row by 4.
    """
    return _OF_FLOATS.get(kind, 0.8 if kind in _OF_32 else 1.25)
