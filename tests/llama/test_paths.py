"""Paths of kernels by the features of builds, read in the source of llama.cpp."""

from __future__ import annotations

import pytest

from edgeval.gguf.types import TensorType
from edgeval.llama.paths import BLAS, CpuBuild
from tests.helpers.builds import HASWELL, SAPPHIRE_RAPIDS

BASELINE = "CPU : SSE3 = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
SKYLAKE_X = HASWELL.replace("BMI2 = 1", "BMI2 = 1 | AVX512 = 1")
ZEN_4 = SAPPHIRE_RAPIDS.replace(" | AVX_VNNI = 1", "").replace(" | AMX_INT8 = 1", "")
PI_4 = "CPU : NEON = 1 | ARM_FMA = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
PI_5 = PI_4.replace("ARM_FMA = 1", "ARM_FMA = 1 | FP16_VA = 1 | DOTPROD = 1")
# ggml-cpu.c undefines LLAMAFILE where the compiler may use i8mm.
INT8 = PI_5.replace("DOTPROD", "MATMUL_INT8 = 1 | DOTPROD").replace(" | LLAMAFILE = 1", "")
KLEIDIAI = PI_5.replace("REPACK", "KLEIDIAI = 1 | REPACK")
SME = KLEIDIAI.replace("DOTPROD", "SME = 1 | SME2 = 1 | DOTPROD")

# One letter a type: a AMX, v AVX-512, k KleidiAI, r repack, b BF16, y tinyBLAS, t tiled, p plain.
NAMES = {
    "a": "AMX",
    "v": "AVX-512",
    "k": "KleidiAI",
    "r": "repack",
    "b": "BF16 dot products",
    "y": "tinyBLAS",
    "t": "tiled",
    "p": "plain",
}
KINDS = (
    "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
    "IQ4_NL", "IQ4_XS", "MXFP4",
)  # fmt: skip


def by_default(build: CpuBuild, kind: str) -> str | None:
    return build.path(kind, build.buffer(kind))


@pytest.mark.parametrize(
    ("line", "letters"),
    [
        # F32 F16 BF16, Q8_0 Q4_0 Q4_1 Q5_0, Q2_K to Q6_K, IQ4_NL IQ4_XS MXFP4
        pytest.param(BASELINE, "ppp pppp ppppp ppp", id="x86 without AVX"),
        pytest.param(HASWELL, "yyy yrpy ttrtt rtr", id="AVX2"),
        pytest.param(SKYLAKE_X, "yyy yrpy rtrtt rtr", id="AVX-512"),
        pytest.param(ZEN_4, "yyb yrpy rtrtt rtr", id="AVX-512 with BF16"),
        pytest.param(SAPPHIRE_RAPIDS, "yvb aaay rtaaa rar", id="AMX"),
        pytest.param(PI_4, "yyp pppp ppppp ppp", id="Arm without dot products"),
        pytest.param(PI_5, "yyp rrpp pprrr rpr", id="Arm with dot products"),
        pytest.param(INT8, "ppp rrpp pprrr rpr", id="Arm with 8-bit matrices"),
        pytest.param(KLEIDIAI, "yyp kkpp pprrr rpr", id="KleidiAI"),
        pytest.param(SME, "kkp kkpp pprrr rpr", id="KleidiAI with SME"),
    ],
)
def test_each_type_takes_the_path_of_the_source(line: str, letters: str) -> None:
    build = CpuBuild.of(line, ())
    wanted = [NAMES[letter] for letter in letters.replace(" ", "")]
    assert {kind: by_default(build, kind) for kind in KINDS} == dict(
        zip(KINDS, wanted, strict=True)
    )


@pytest.mark.parametrize("line", [HASWELL, SAPPHIRE_RAPIDS, PI_5, KLEIDIAI])
def test_a_blas_library_takes_what_is_not_rearranged_and_nothing_else(line: str) -> None:
    without, build = CpuBuild.of(line, ("cuda",)), CpuBuild.of(line, ("cuda", "blas"))
    for kind in KINDS:
        assert build.buffer(kind) == without.buffer(kind)
        is_rearranged = build.buffer(kind) is not None
        assert by_default(build, kind) == (by_default(without, kind) if is_rearranged else BLAS)
        assert build.path(kind, None) == BLAS


def test_plain_kernels_leave_the_layout_of_the_file() -> None:
    build = CpuBuild.of(SAPPHIRE_RAPIDS, ())
    paths = {kind: build.path(kind, None) for kind in ("Q4_K", "Q4_0", "Q8_0", "F16", "Q4_1")}
    assert paths == {
        "Q4_K": "tiled",
        "Q4_0": "tinyBLAS",
        "Q8_0": "tinyBLAS",
        "F16": "tinyBLAS",
        "Q4_1": "plain",
    }


def test_what_was_left_out_of_a_build_takes_nothing() -> None:
    build = CpuBuild.of(HASWELL.replace("REPACK = 1", "").replace("LLAMAFILE = 1", ""), ())
    assert {build.buffer(kind) for kind in TensorType.__members__} == {None}
    assert [build.path(kind, None) for kind in ("F16", "Q8_0", "Q4_K")] == [
        "plain",
        "plain",
        "tiled",
    ]
    # A native build has what this one has, and more of the CPU.
    assert by_default(build.using(["AVX512_BF16"]), "BF16") == "BF16 dot products"


def test_other_kinds_of_cpus_are_not_guessed() -> None:
    build = CpuBuild.of("CPU : RISCV_V = 1 | RVV_VLEN = 32 | REPACK = 1", ())
    assert by_default(build, "Q4_K") is None
    assert build.path("Q4_0", "CPU_REPACK") == "repack"
    assert build.path("Q4_0", "CPU_RISCV64_SPACEMIT") == "SpacemiT"
    assert build.path("Q4_0", "CPU_OF_TOMORROW") == "CPU_OF_TOMORROW"
