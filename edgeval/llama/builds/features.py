"""Features of a CPU by llama.cpp's names: those that this machine has, and a build's."""

from __future__ import annotations

import functools
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_X86: Mapping[str, tuple[str, ...]] = {
    "SSE3": ("sse3", "pni"),
    "SSSE3": ("ssse3",),
    "AVX": ("avx",),
    "AVX_VNNI": ("avx_vnni",),
    "AVX2": ("avx2",),
    "F16C": ("f16c",),
    "FMA": ("fma",),
    "BMI2": ("bmi2",),
    "AVX512": ("avx512f",),
    "AVX512_VBMI": ("avx512vbmi",),
    "AVX512_VNNI": ("avx512_vnni",),
    "AVX512_BF16": ("avx512_bf16",),
    "AMX_INT8": ("amx_int8",),
}
"""ggml's names, in its order, and the kernel's."""

_ARM: Mapping[str, tuple[str, ...]] = {
    "NEON": ("asimd",),
    "ARM_FMA": ("asimd",),  # Every 64-bit ARM has both.
    "FP16_VA": ("asimdhp",),
    "MATMUL_INT8": ("i8mm",),
    "SVE": ("sve",),
    "DOTPROD": ("asimddp",),
    "SME": ("sme",),
    "SME2": ("sme2",),
}

_OTHERS = ("RISCV_V", "VSX", "VXE", "WASM_SIMD")

NAMES = (*_X86, *_ARM, *_OTHERS)
"""What llama.cpp's line may say of a CPU, in its own order."""

_NOT_COMPARED = frozenset({"SME", "SME2"})
"""Only KleidiAI's kernels use them, and ask the CPU while they run, whatever the build says."""

_MSVC_FINDS = frozenset({"SSE3", "SSSE3", "AVX", "AVX2", "F16C", "FMA", "AVX512"})
"""A native build on Windows tries no others (ggml-cpu/cmake/FindSIMD.cmake)."""

# Backends are not separated, only their names tell: "CUDA : ARCHS = 900 | CPU : SSE3 = 1 | ".
_PART = re.compile(r"(?:(?P<backend>\w+) : )?(?P<name>\w+) = (?P<value>\w+)")


@dataclass(frozen=True)
class FeatureDifference:
    """How a build and the CPU of this machine differ.

    Attributes:
        missing: What the CPU has and the build does not use: it is slower than it could be.
        superfluous: What the build needs and the CPU does not have: it cannot run here.
    """

    missing: frozenset[str] = frozenset()
    superfluous: frozenset[str] = frozenset()


@functools.cache
def cpu_features() -> frozenset[str]:
    """Return what the CPU of this machine has, by llama.cpp's names.

    From ``/proc/cpuinfo``, ``sysctl`` or the CPU itself; on Apple's chips those of the model. Empty
    if it cannot be found out, for example on Windows on ARM.
    """
    # Its tables take longer to read than all else that a command that computes nothing does.
    from archspec.cpu import TARGETS
    from archspec.cpu.detect import detected_info

    with warnings.catch_warnings():
        # It warns of what it cannot read; what is not known is not compared.
        warnings.simplefilter("ignore")
        found = detected_info()
    flags = set(found.features)
    if not flags and found.name in TARGETS:
        flags = set(TARGETS[found.name].features)
    # AMD's memory encryption has the name of ARM's matrices, sme.
    table = _ARM if "asimd" in flags else _X86
    return frozenset(name for name, any_of in table.items() if flags.intersection(any_of))


def cpu_parts(system_info: str) -> frozenset[str]:
    """Return all that a build has for the CPU: its features, and parts such as ``REPACK``.

    Args:
        system_info: llama.cpp's line; parts of other backends are passed over.
    """
    backend, found = "", set()
    for part in _PART.finditer(system_info):
        backend = part["backend"] or backend
        if backend == "CPU" and part["value"] != "0":
            found.add(part["name"])
    return frozenset(found)


def compiled_features(system_info: str) -> frozenset[str]:
    """Return what a build uses of the CPU, all of which was decided when it was compiled.

    Args:
        system_info: llama.cpp's line; what is not the CPU's own, such as ``OPENMP``, is passed
            over.
    """
    return cpu_parts(system_info).intersection(NAMES)


def feature_difference(compiled: frozenset[str], cpu: frozenset[str]) -> FeatureDifference:
    """Return how a build and a CPU differ, as far as both are known.

    Args:
        compiled: What the build uses.
        cpu: What the CPU has; nothing is said about one that is not known.
    """
    known = next((frozenset(each) for each in (_X86, _ARM) if cpu.intersection(each)), None)
    # A build for another architecture runs in an emulator, if at all.
    if known is None or compiled - known:
        return FeatureDifference()
    known -= _NOT_COMPARED
    is_of_model = sys.platform == "darwin" and not cpu.intersection(_X86)
    return FeatureDifference(
        missing=_useful((cpu - compiled) & known, compiled),
        # A newer chip may have more than the newest model that is known.
        superfluous=frozenset() if is_of_model else (compiled - cpu) & known,
    )


def in_order(features: Iterable[str]) -> list[str]:
    """Return features in the order of llama.cpp's line."""
    return sorted(features, key=NAMES.index)


def _useful(missing: frozenset[str], compiled: frozenset[str]) -> frozenset[str]:
    """Return what a build for this machine would use of that."""
    if sys.platform == "win32":
        missing &= _MSVC_FINDS
    if "AVX512_VNNI" in compiled:
        # ggml's kernels use the older form only where this one is not there.
        missing -= {"AVX_VNNI"}
    return missing
