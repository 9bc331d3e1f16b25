"""Paths by which llama.cpp multiplies with a matrix on the CPU, by its type and where it lies.

Nothing here loads llama.cpp. It says where a loaded matrix lies, see ``layouts``; how it is
multiplied with there follows from its source, that of llama-cpp-python 0.3.36. In ``ggml/src``:
``ggml-cpu/ggml-cpu.cpp`` for the order of the memories that weights are rearranged in,
``ggml-cpu/amx``, ``ggml-cpu/kleidiai`` and ``ggml-cpu/repack.cpp`` for the types that each takes,
and ``ggml-blas``, ``ggml-cpu/tiled`` and ``ggml-cpu/llamafile`` for those in the layout of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from edgeval.llama.builds.features import cpu_parts

BLAS: Final = "BLAS"
KLEIDIAI: Final = "KleidiAI"
PLAIN: Final = "plain"

_AMX, _KLEIDIAI, _REPACK = "AMX", "CPU_KLEIDIAI", "CPU_REPACK"
_OF_BUFFER: Final = {
    _AMX: "AMX",
    _KLEIDIAI: KLEIDIAI,
    _REPACK: "repack",
    "CPU_RISCV64_SPACEMIT": "SpacemiT",
}

_DOTPROD, _INT8 = "DOTPROD", "MATMUL_INT8"
_TAKEN_BY_AMX: Final = ("Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS", "F16")
_TAKEN_BY_KLEIDIAI: Final[Mapping[str, tuple[str, ...]]] = {
    "Q4_0": (_DOTPROD, "SME2"),
    "Q8_0": (_DOTPROD, "SME", "SME2"),
    "F32": ("SME", "SME2"),
}
_REPACKED: Final[Mapping[str, tuple[str, ...]]] = {
    "Q4_0": ("AVX2", _INT8, _DOTPROD),
    "Q4_K": ("AVX2", _INT8, _DOTPROD),
    "IQ4_NL": ("AVX2", _DOTPROD),
    "MXFP4": ("AVX2", _DOTPROD),
    "Q2_K": ("AVX512",),
    "Q5_K": (_INT8, _DOTPROD),
    "Q6_K": (_INT8, _DOTPROD),
    "Q8_0": (_INT8, _DOTPROD),
    "Q1_0": (_INT8, _DOTPROD),
}
"""Any of these features is enough for a type; VLEN decides on RISC-V, which is not told apart."""

_TILED: Final = (
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S",
    "IQ3_XXS", "IQ3_S", "IQ4_XS",
)  # fmt: skip
_TINYBLAS: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    "F32": (frozenset({"AVX"}), frozenset({"NEON"})),
    "F16": (frozenset({"AVX512"}), frozenset({"AVX", "F16C"}), frozenset({"NEON"})),
    "BF16": (frozenset({"AVX512"}), frozenset({"AVX2"})),
    "Q8_0": (frozenset({"AVX"}), frozenset({_DOTPROD})),
    "Q4_0": (frozenset({"AVX"}), frozenset({_DOTPROD})),
    "Q5_0": (frozenset({"AVX"}),),
    "IQ4_NL": (frozenset({"AVX"}),),
}
"""All features of any of these sets are enough for a type."""

_NOT_TOLD = frozenset({"RISCV_V", "VSX", "VXE", "WASM_SIMD"})
"""CPUs whose kernels are not told apart here."""


@dataclass(frozen=True)
class Layout:
    """Where a model's matrices of one type lie, as llama.cpp says it.

    Attributes:
        kind: The tensor type, for example ``Q4_K``.
        buffer: llama.cpp's name of the memory that rearranged weights are in, for example
            ``CPU_REPACK``; None for those in the layout of the file.
        n_bytes: Bytes of the matrices.
    """

    kind: str
    buffer: str | None
    n_bytes: int


@dataclass(frozen=True)
class CpuBuild:
    """What decides how a llama.cpp multiplies on a CPU.

    Attributes:
        features: What its line says of the CPU: features, and parts such as ``REPACK``.
        has_blas: Whether it was built with a BLAS library.
    """

    features: frozenset[str]
    has_blas: bool = False

    @classmethod
    def of(cls, system_info: str, backends: Collection[str]) -> CpuBuild:
        """Return what llama.cpp's line and its backends say."""
        return cls(cpu_parts(system_info), "blas" in backends)

    def using(self, features: Collection[str]) -> CpuBuild:
        """Return the build that uses these features of the CPU too."""
        return replace(self, features=self.features | frozenset(features))

    def buffer(self, kind: str) -> str | None:
        """Return the name of the memory that matrices of a type would be rearranged in.

        It holds for matrices whose rows and columns fill the tiles of the kernels; llama.cpp leaves
        others as they are.

        Args:
            kind: The tensor type.

        Returns:
            None if they would stay in the layout of the file.
        """
        has = self.features
        if {"AMX_INT8", "AVX512_VNNI"} <= has and kind in _TAKEN_BY_AMX:
            return _AMX
        if "KLEIDIAI" in has and has.intersection(_TAKEN_BY_KLEIDIAI.get(kind, ())):
            return _KLEIDIAI
        if "REPACK" in has and has.intersection(_REPACKED.get(kind, ())):
            return _REPACK
        return None

    def path(self, kind: str, buffer: str | None) -> str | None:
        """Return the path that multiplies with matrices of a type, in batches of 32 tokens or more.

        Args:
            kind: The tensor type.
            buffer: The memory that they are rearranged in; None for the layout of the file.

        Returns:
            Its name; None if it is not known for this kind of CPU.
        """
        has = self.features
        if buffer == _AMX and kind == "F16":
            return "AVX-512"  # AMX's memory takes it, and its matrix units do not.
        if buffer is not None:
            return _OF_BUFFER.get(buffer, buffer)
        if self.has_blas:
            return BLAS
        if has & _NOT_TOLD:
            return None
        if kind in _TILED and has & {"AVX", "AVX2", "AVX512_VNNI"}:
            return "tiled"
        if kind == "F16" and {"KLEIDIAI", "SME2"} <= has:
            return KLEIDIAI
        if kind == "BF16" and "AVX512_BF16" in has:
            return "BF16 dot products"
        # ggml-cpu.c leaves it out where the CPU multiplies 8-bit matrices, or has SVE.
        has_tinyblas = "LLAMAFILE" in has and not has & {_INT8, "SVE"}
        if has_tinyblas and any(wanted <= has for wanted in _TINYBLAS.get(kind, ())):
            return "tinyBLAS"
        return PLAIN
