"""Measured builds: how much faster llama.cpp was once it was built for all of a CPU.

Measured with llama-bench by ``scripts/bench/builds.py`` on SmolLM2-135M: two cores of a shared AMD
EPYC of the fourth generation, GCC 12.2, llama.cpp of llama-cpp-python 0.3.36. BENCHMARKS.md has
each round. What was not measured has no number here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from edgeval.errors import listed
from edgeval.llama.paths import CpuBuild

_MEASURED_ON: Final = "SmolLM2-135M on two cores of an AMD EPYC with AVX-512, by GCC 12.2"

_SSE42: Final = frozenset({"SSE3", "SSSE3", "LLAMAFILE", "REPACK"})
_AVX2: Final = _SSE42 | {"AVX", "AVX2", "F16C", "FMA", "BMI2"}
_AVX512: Final = _AVX2 | {"AVX512", "AVX512_VNNI"}

_NOT_USED: Final = frozenset({"AVX512_VBMI", "AVX512_BF16", "AVX_VNNI", "OPENMP"})
"""What no kernel of the measured types uses, or no build of the CPU's features decides."""


@dataclass(frozen=True)
class _Step:
    """What another build gave.

    Attributes:
        before: What the slower build had.
        after: What the faster one had.
        prompts: Its tokens a second at prompts over those of the slower one, by file type.
        generation: The same at generation.
    """

    before: frozenset[str]
    after: frozenset[str]
    prompts: Mapping[str, float]
    generation: Mapping[str, float]


_STEPS: Final = (
    _Step(
        _AVX2,
        _AVX512,
        prompts={
            "F16": 0.89, "Q8_0": 1.16, "Q6_K": 1.14, "Q4_K_M": 1.41, "Q4_0": 1.37, "IQ4_NL": 1.34,
        },
        generation={
            "F16": 1.06, "Q8_0": 1.05, "Q6_K": 0.99, "Q4_K_M": 1.05, "Q4_0": 1.12, "IQ4_NL": 1.07,
        },
    ),
    _Step(
        _SSE42,
        _AVX512,
        prompts={
            "F16": 17.05, "Q8_0": 5.40, "Q6_K": 5.95, "Q4_K_M": 22.45, "Q4_0": 4.37,
            "IQ4_NL": 24.02,
        },
        generation={
            "F16": 5.66, "Q8_0": 1.70, "Q6_K": 1.92, "Q4_K_M": 5.96, "Q4_0": 1.99, "IQ4_NL": 6.01,
        },
    ),
)  # fmt: skip


def measured_gain(before: CpuBuild, after: CpuBuild) -> str | None:
    """Return what another build gave where it was measured, in a sentence with its source.

    Args:
        before: The installed build.
        after: The one that would be built.

    Returns:
        None if this very step was not measured.
    """
    if before.has_blas:
        return None
    had, has = before.features - _NOT_USED, after.features - _NOT_USED
    for step in _STEPS:
        if (had, has) == (step.before, step.after):
            slow, fast = min(step.generation.values()), max(step.generation.values())
            return (
                f"such a build was {_times(step.prompts)} at prompts, and {_number(slow)} to "
                f"{_number(fast)} times as fast at generation; measured with {_MEASURED_ON}, and "
                "edgeval bench measures yours"
            )
    return None


def _times(ratios: Mapping[str, float]) -> str:
    """Return ratios in words, the largest first."""
    ranked = sorted(ratios, key=lambda kind: -ratios[kind])
    groups = groupby(ranked, key=lambda kind: _number(ratios[kind]))
    largest, *others = [f"{number}{{}} with {listed(list(kinds))}" for number, kinds in groups]
    return ", ".join([largest.format(" times as fast"), *(each.format("") for each in others)])


def _number(ratio: float) -> str:
    """Return a ratio with two digits: rounds of the same build are some percent apart."""
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
