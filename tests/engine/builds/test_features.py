"""Features of the CPU that a build uses, and those that it leaves out."""

from __future__ import annotations

import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.llama import builds
from tests.helpers.builds import ALL_X86, HASWELL, SAPPHIRE_RAPIDS, features

CUDA = "CUDA : ARCHS = 500,610,900 | USE_GRAPHS = 1 | PEER_MAX_BATCH_SIZE = 128 | " + HASWELL
METAL = (
    "MTL : EMBED_LIBRARY = 1 | CPU : NEON = 1 | ARM_FMA = 1 | FP16_VA = 1 | MATMUL_INT8 = 1 | "
    "DOTPROD = 1 | SME = 1 | ACCELERATE = 1 | REPACK = 1"
)
GRAVITON_3 = (
    "CPU : NEON = 1 | ARM_FMA = 1 | FP16_VA = 1 | MATMUL_INT8 = 1 | SVE = 1 | DOTPROD = 1 | "
    "SVE_CNT = 32 | OPENMP = 1 | KLEIDIAI = 1 | REPACK = 1"
)


# Features


def test_the_line_tells_what_the_cpu_is_used_for() -> None:
    assert {
        *("SSE3", "SSSE3", "AVX", "AVX_VNNI", "AVX2", "F16C", "FMA", "BMI2", "AVX512"),
        *("AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16", "AMX_INT8"),
    } == ALL_X86
    assert builds.compiled_features(CUDA) == builds.compiled_features(HASWELL)
    assert builds.compiled_features("BLAS : " + HASWELL + " | ") == features()
    arm = {"NEON", "ARM_FMA", "FP16_VA", "MATMUL_INT8", "DOTPROD"}
    assert builds.compiled_features(METAL) == {*arm, "SME"}
    assert builds.compiled_features(GRAVITON_3) == {*arm, "SVE"}
    assert builds.compiled_features("CPU : RISCV_V = 1 | RVV_VLEN = 32 | REPACK = 1") == {"RISCV_V"}
    assert builds.compiled_features("") == frozenset()


@given(st.text())
def test_any_line_has_features_of_the_known_ones(line: str) -> None:
    assert builds.compiled_features(line) <= ALL_X86 | features(of=METAL) | {
        *("SVE", "SME2", "RISCV_V", "VSX", "VXE", "WASM_SIMD")
    }


def test_a_build_for_this_cpu_does_not_differ() -> None:
    for line in (SAPPHIRE_RAPIDS, HASWELL, METAL, GRAVITON_3):
        same = builds.compiled_features(line)
        assert builds.feature_difference(same, same) == builds.FeatureDifference()


def test_what_a_build_leaves_out_or_needs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    newer = {"AVX_VNNI", "AVX512", "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16", "AMX_INT8"}
    assert builds.feature_difference(features(), ALL_X86).missing == newer
    assert builds.feature_difference(ALL_X86, features()).superfluous == newer
    # The plainest build of all has none.
    assert builds.feature_difference(frozenset(), features()).missing == features()
    graviton = features(of=GRAVITON_3)
    plain = frozenset({"NEON", "ARM_FMA"})
    rest = graviton - plain
    assert builds.feature_difference(plain, graviton) == builds.FeatureDifference(missing=rest)
    assert builds.feature_difference(graviton, plain) == builds.FeatureDifference(superfluous=rest)


def test_what_nobody_would_gain_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    same = builds.FeatureDifference()
    # The portable build for Sapphire Rapids leaves AVX_VNNI out, which AVX512_VNNI stands in for.
    assert builds.feature_difference(ALL_X86 - {"AVX_VNNI"}, ALL_X86) == same
    # Only KleidiAI uses SME, and finds out for itself.
    plain = features(of=METAL) - {"SME"}
    assert builds.feature_difference(plain, plain | {"SME", "SME2"}) == same
    assert builds.feature_difference(plain | {"SME"}, plain) == same
    # Microsoft's compiler is not told of the rest.
    monkeypatch.setattr(sys, "platform", "win32")
    on_windows = features() - {"BMI2"} | {"AVX512"}
    assert builds.feature_difference(on_windows, ALL_X86) == same
    assert builds.feature_difference(features(), ALL_X86).missing == {"AVX512"}


def test_nothing_is_said_of_what_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    same = builds.FeatureDifference()
    assert builds.feature_difference(ALL_X86, frozenset()) == same
    assert builds.feature_difference(frozenset({"VSX"}), frozenset({"RISCV_V"})) == same
    # x86 code on an Apple chip is Rosetta's.
    assert builds.feature_difference(features(), features(of=METAL)) == same
    # Apple's newest chip is taken for an older one.
    monkeypatch.setattr(sys, "platform", "darwin")
    newer = features(of=METAL) | {"SVE"}
    assert builds.feature_difference(newer, features(of=METAL)) == same


@pytest.fixture
def forgotten() -> object:
    builds.cpu_features.cache_clear()
    yield
    builds.cpu_features.cache_clear()


def pretend_cpu(monkeypatch: pytest.MonkeyPatch, name: str, flags: set[str]) -> None:
    from archspec.cpu import detect

    found = detect.partial_uarch(name=name, features=flags)
    monkeypatch.setattr(detect, "detected_info", lambda: found)


def test_flags_of_the_kernel_are_features_by_ggmls_names(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On x86 sme is memory encryption.
    flags = {"fpu", "pni", "ssse3", "avx", "avx512f", "amx_int8", "amx_tile", "sme"}
    pretend_cpu(monkeypatch, "", flags)
    assert builds.cpu_features() == {"SSE3", "SSSE3", "AVX", "AVX512", "AMX_INT8"}


def test_flags_of_arm_are_features_by_ggmls_names(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_cpu(monkeypatch, "", {"fp", "asimd", "asimdhp", "asimddp", "sve", "i8mm"})
    assert builds.cpu_features() == features(of=GRAVITON_3)


def test_apples_chips_are_known_by_their_model(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_cpu(monkeypatch, "m4", set())
    assert builds.cpu_features() == features("SME2", of=METAL)


def test_a_cpu_that_is_not_known_has_no_features(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archspec.cpu import detect

    def fail() -> None:
        raise PermissionError("no cpuinfo")

    monkeypatch.setattr(detect, "INFO_FACTORY", {detect.platform.system(): [fail]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert builds.cpu_features() <= {"SSE3", "NEON", "ARM_FMA"}


def test_this_cpu_has_what_the_build_that_runs_on_it_uses() -> None:
    from edgeval import llama

    compiled = builds.compiled_features(llama.system_info())
    assert builds.feature_difference(compiled, builds.cpu_features()).superfluous == frozenset()
