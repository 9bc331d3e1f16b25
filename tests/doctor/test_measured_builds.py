"""Measured builds: a ratio where that very step was measured, its source, and else none."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from edgeval.cli.terminal.bench import print_bench
from edgeval.doctor import installed
from edgeval.doctor.measured_builds import _STEPS, measured_gain
from edgeval.llama import builds
from edgeval.llama.paths import CpuBuild
from edgeval.records import Build
from tests.helpers.benches import example_bench
from tests.helpers.builds import HASWELL

BENCHMARKS = Path(__file__).resolve().parents[2] / "BENCHMARKS.md"

SSE42 = "CPU : SSE3 = 1 | SSSE3 = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1"
AVX512 = ["AVX512", "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16"]
AVX2 = ["AVX", "AVX2", "F16C", "FMA", "BMI2"]

OF_AVX2 = (
    "such a build was 1.4 times as fast with Q4_K_M and Q4_0, 1.3 with IQ4_NL, 1.2 with Q8_0, "
    "1.1 with Q6_K, 0.9 with F16 at prompts, and 1.0 to 1.1 times as fast at generation; measured "
    "with SmolLM2-135M on two cores of an AMD EPYC with AVX-512, by GCC 12.2, and edgeval bench "
    "measures yours"
)


def gain(line: str, gained: list[str], *backends: str) -> str | None:
    build = CpuBuild.of(line, backends)
    return measured_gain(build, build.using(gained))


def test_a_step_that_was_measured_has_its_ratios_and_their_source() -> None:
    assert gain(HASWELL, AVX512) == OF_AVX2
    assert gain(HASWELL, ["AVX512", "AVX512_VNNI"], "cuda") == OF_AVX2
    of_sse42 = gain(SSE42, [*AVX2, *AVX512]) or ""
    assert of_sse42.startswith("such a build was 24 times as fast with IQ4_NL, 22 with Q4_K_M, ")
    assert "and 1.7 to 6.0 times as fast at generation" in of_sse42


@pytest.mark.parametrize(
    ("line", "gained"),
    [
        pytest.param(HASWELL, [], id="no step"),
        pytest.param(HASWELL, ["AVX512"], id="AVX-512 without VNNI"),
        pytest.param(HASWELL, [*AVX512, "AMX_INT8"], id="AMX"),
        pytest.param(SSE42, AVX2, id="to AVX2"),
        pytest.param(HASWELL.replace("FMA = 1 | ", ""), [*AVX512, "FMA"], id="AVX2 without FMA"),
        pytest.param(HASWELL.replace("REPACK", "OTHER"), AVX512, id="without repacking"),
        pytest.param("CPU : NEON = 1 | REPACK = 1", ["DOTPROD"], id="ARM"),
    ],
)
def test_no_other_step_has_a_number(line: str, gained: list[str]) -> None:
    assert gain(line, gained) is None


def test_a_build_with_blas_multiplies_in_another_way() -> None:
    assert gain(HASWELL, AVX512, "blas") is None


def test_the_ratios_are_those_of_the_rounds_in_the_benchmarks() -> None:
    section = BENCHMARKS.read_text("utf-8").split("### Builds for this CPU")[1].split("\n## ")[0]
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ") and "tokens/s" not in line
    ]
    measured: dict[str, dict[str, float]] = {}
    step = ""
    for kind, test, before, after, told in rows:
        if kind == "type":
            step = before
        elif test[0] in "pt":
            means = [statistics.fmean(map(float, each.split(","))) for each in (before, after)]
            # The rates of the table are rounded.
            assert means[1] / means[0] == pytest.approx(float(told), rel=0.006)
            measured.setdefault(f"{step} {test[:2]}", {})[kind] = float(told)
    of_avx2, of_sse42 = _STEPS
    assert measured == {
        "AVX2 pp": of_avx2.prompts,
        "AVX2 tg": of_avx2.generation,
        "SSE4.2 pp": of_sse42.prompts,
        "SSE4.2 tg": of_sse42.generation,
    }


def test_doctor_names_the_ratio_where_it_advises_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "this_machine", builds.BuildMachine)
    made = Build(compiler=None, features=[], missing=AVX512, superfluous=[])
    found = installed._of_build(made, CpuBuild.of(HASWELL, ()), [])
    assert [each.kind for each in found] == ["advice"] * 3
    assert found[-1].sentence == OF_AVX2


def test_bench_says_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builds, "this_machine", builds.BuildMachine)
    monkeypatch.setattr(builds, "compiled_features", lambda _: frozenset({"AVX2"}))
    monkeypatch.setattr(builds, "cpu_features", lambda: frozenset({"AVX2", "AVX512"}))
    (first, *_) = installed.build_advice()
    assert "llama.cpp was built without AVX512 of this CPU" in first
    print_bench(example_bench(), [first])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"advice: {first}" in shown
