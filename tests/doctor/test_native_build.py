"""Native builds: what they would compute in another way, and builds with KleidiAI."""

from __future__ import annotations

from edgeval.doctor.native_build import changes, of_kleidiai
from edgeval.llama.paths import CpuBuild
from tests.helpers.builds import HASWELL, features

KLEIDIAI = "CPU : NEON = 1 | DOTPROD = 1 | KLEIDIAI = 1 | REPACK = 1"


def test_the_paths_that_would_change_are_named() -> None:
    build = CpuBuild.of(HASWELL, ())
    assert changes(build, ["AVX512", "AVX512_BF16"]) == (
        "llama.cpp built for this CPU would compute Q2_K by repack instead of tiled; "
        "BF16 by BF16 dot products instead of tinyBLAS"
    )
    with_amx = changes(build, ["AVX512", "AVX512_VNNI", "AMX_INT8"])
    assert with_amx is not None
    assert "Q4_K and Q4_0 by AMX instead of repack" in with_amx
    assert "Q6_K and Q5_K by AMX instead of tiled" in with_amx


def test_a_pi_5_with_a_wheel_for_any_board_gains_repacking() -> None:
    generic = CpuBuild.of("CPU : NEON = 1 | ARM_FMA = 1 | LLAMAFILE = 1 | REPACK = 1", ())
    assert changes(generic, ["DOTPROD", "FP16_VA"]) == (
        "llama.cpp built for this CPU would compute "
        "Q8_0, Q6_K, Q5_K, Q4_K and Q4_0 by repack instead of plain"
    )


def test_nothing_is_said_where_nothing_changes() -> None:
    assert changes(CpuBuild.of(HASWELL, ()), ["AVX_VNNI"]) is None
    assert changes(CpuBuild(features()), []) is None
    assert changes(CpuBuild.of("CPU : VSX = 1", ()), ["AVX2"]) is None


def test_kleidiai_is_named_with_the_build_that_leaves_it_out() -> None:
    said = of_kleidiai(CpuBuild.of(KLEIDIAI, ()), ["metal"])
    assert said is not None
    assert "which computes Q8_0 and Q4_0 instead of its own kernels" in said
    assert "llama.cpp issue 27078" in said
    for part in ("-DGGML_METAL=on", "-DGGML_CPU_KLEIDIAI=OFF", "pip install --force-reinstall"):
        assert part in said
    assert of_kleidiai(CpuBuild.of(HASWELL, ()), []) is None
    # Without dot products it has no kernels, and says so to nobody.
    assert of_kleidiai(CpuBuild.of(KLEIDIAI.replace("DOTPROD = 1 | ", ""), ()), []) is None
