"""Builds of llama.cpp, as it prints them, and pretended compilers."""

from __future__ import annotations

from edgeval.llama import builds
from edgeval.llama.builds import Compiler, InstalledCompiler

GCC_12_2 = InstalledCompiler("gcc", "g++", Compiler("gcc", (12, 2, 0)))
GCC_11_5 = InstalledCompiler("gcc-11", "g++-11", Compiler("gcc", (11, 5, 0)))
GCC_13_3 = InstalledCompiler("gcc-13", "g++-13", Compiler("gcc", (13, 3, 0)))
CLANG_14 = InstalledCompiler("clang", "clang++", Compiler("clang", (14, 0, 6)))
CLANG_19 = InstalledCompiler("clang-19", "clang++-19", Compiler("clang", (19, 1, 7)))

# What llama.cpp printed of native builds.
SAPPHIRE_RAPIDS = (
    "CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX_VNNI = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | "
    "BMI2 = 1 | AVX512 = 1 | AVX512_VBMI = 1 | AVX512_VNNI = 1 | AVX512_BF16 = 1 | AMX_INT8 = 1 | "
    "LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
)
HASWELL = (
    "CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | "
    "LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
)


def features(*more: str, of: str = HASWELL) -> frozenset[str]:
    return builds.compiled_features(of) | set(more)


ALL_X86 = features(of=SAPPHIRE_RAPIDS)
