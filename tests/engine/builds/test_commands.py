"""Commands that build llama.cpp anew, for each system's shell."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest

from edgeval.llama import builds
from edgeval.llama.builds import BuildMachine, Compiler, InstalledCompiler, commands
from tests.helpers.builds import ALL_X86, CLANG_14, CLANG_19, GCC_11_5, GCC_12_2, GCC_13_3, features

# Commands

VERSION = metadata.version("llama-cpp-python")
INSTALL = (
    "pip install --force-reinstall --no-cache-dir --no-deps --no-binary llama-cpp-python "
    f"llama-cpp-python=={VERSION}"
)
WITHOUT_AMX = (
    "-DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_BMI2=ON -DGGML_FMA=ON "
    "-DGGML_F16C=ON -DGGML_AVX_VNNI=ON -DGGML_AVX512=ON -DGGML_AVX512_VBMI=ON "
    "-DGGML_AVX512_VNNI=ON -DGGML_AVX512_BF16=ON"
)


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("linux", f'CC=gcc-13 CXX=g++-13 CMAKE_ARGS="-DGGML_CUDA=on -DX=1" {INSTALL}'),
        ("darwin", f'CC=gcc-13 CXX=g++-13 CMAKE_ARGS="-DGGML_CUDA=on -DX=1" {INSTALL}'),
        (
            "win32",
            "$env:CC='gcc-13'; $env:CXX='g++-13'; $env:CMAKE_ARGS='-DGGML_CUDA=on -DX=1'; "
            + INSTALL,
        ),
    ],
)
def test_a_command_is_of_the_systems_shell(
    system: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    made = builds.rebuild_command("cuda", options=["-DX=1"], compiler=GCC_13_3)
    assert made == command
    # CPUs and libraries that need no GPU have no option of their own.
    assert builds.rebuild_command("cuda", "blas", options=["-DX=1"], compiler=GCC_13_3) == command


def test_a_command_for_a_binding_that_is_absent_takes_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(commands.metadata, "version", version)
    assert builds.rebuild_command("cuda").endswith("--no-binary llama-cpp-python llama-cpp-python")


@pytest.mark.parametrize(
    ("machine", "prefix"),
    [
        # The default compiler will do, or the CPU has no AMX.
        (BuildMachine(ALL_X86, (GCC_13_3,), GCC_13_3), ""),
        (BuildMachine(ALL_X86, (CLANG_19, GCC_13_3), CLANG_19), ""),
        (BuildMachine(ALL_X86, (GCC_12_2, CLANG_14), CLANG_14), ""),
        (BuildMachine(features(), (GCC_12_2, GCC_13_3), GCC_12_2), ""),
        (BuildMachine(), ""),
        (BuildMachine(ALL_X86), ""),
        # The newest GCC, then the newest clang.
        (BuildMachine(ALL_X86, (GCC_12_2, GCC_11_5, CLANG_19), GCC_12_2), "CC=gcc-11 CXX=g++-11 "),
        (BuildMachine(ALL_X86, (GCC_12_2, GCC_11_5, GCC_13_3), GCC_12_2), "CC=gcc-13 CXX=g++-13 "),
        (
            BuildMachine(ALL_X86, (GCC_12_2, CLANG_14, CLANG_19), GCC_12_2),
            "CC=clang-19 CXX=clang++-19 ",
        ),
        (BuildMachine(ALL_X86, (GCC_13_3, CLANG_14), CLANG_14), "CC=gcc-13 CXX=g++-13 "),
    ],
)
def test_a_native_build_is_by_a_compiler_that_does_amx_right(
    machine: BuildMachine, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert builds.best_command(machine) == f'{prefix}CMAKE_ARGS="-DGGML_NATIVE=ON" {INSTALL}'
    assert not machine.avoids_amx


@pytest.mark.parametrize("others", [(), (CLANG_14,)])
def test_without_such_a_compiler_amx_is_left_out(
    others: tuple[InstalledCompiler, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    machine = BuildMachine(ALL_X86, (GCC_12_2, *others), GCC_12_2)
    assert machine.avoids_amx
    assert builds.best_command(machine) == f'CMAKE_ARGS="{WITHOUT_AMX}" {INSTALL}'
    assert "-DGGML_CUDA=on -DGGML_NATIVE=OFF" in builds.best_command(machine, ["cuda"])
    # What ggml takes for granted is switched off where it is not there.
    few = BuildMachine(frozenset({"AVX", "AVX2", "AMX_INT8"}), (GCC_12_2,), GCC_12_2)
    assert (
        '"-DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_BMI2=OFF '
        '-DGGML_FMA=OFF -DGGML_F16C=OFF"'
    ) in builds.best_command(few)
    # An old GCC does not know all options.
    gcc_8 = InstalledCompiler("gcc", "g++", Compiler("gcc", (8, 5, 0)))
    old = builds.best_command(BuildMachine(ALL_X86, (gcc_8,), gcc_8))
    assert "-DGGML_AVX512_VNNI=ON" in old
    assert "AVX_VNNI" not in old.replace("AVX512_VNNI", "")
    assert "AVX512_BF16" not in old


def test_the_remedy_for_amx_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    machine = BuildMachine(ALL_X86, (GCC_12_2, CLANG_19), GCC_12_2)
    assert builds.remedy_for_amx(machine, GCC_12_2.compiler) == (
        "GCC 12.2.0 compiles llama.cpp's AMX code wrongly (GCC bug 114098, fixed in 12.4); for "
        'full speed build it again: CC=clang-19 CXX=clang++-19 CMAKE_ARGS="-DGGML_NATIVE=ON" '
        + INSTALL
    )
    alone = BuildMachine(ALL_X86, (GCC_12_2,), GCC_12_2)
    # What is here builds all but AMX, which is faster than to leave AMX unused.
    assert builds.remedy_for_amx(alone) == (
        "llama.cpp's AMX code was compiled wrongly; for more speed build it again without AMX "
        f"(or, for full speed, with clang 16, GCC 14.1 or newer): {builds.best_command(alone)}"
    )
    assert 'CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_SSE42=ON ' in builds.best_command(alone)
    assert "AMX" not in builds.best_command(alone)
    old = builds.remedy_for_amx(alone, Compiler("gcc", (10, 2, 1)))
    assert "GCC 10.2.1 compiles" in old
    assert "fixed in 11.5, 12.4, 13.3 and 14.1)" in old


def test_a_portable_build_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    portable = "-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON"
    variants = (Path("a b/libggml-cpu-sapphirerapids.so"), Path("a b/libggml-cpu-zen4.so"))
    machine = BuildMachine(ALL_X86, (GCC_12_2, CLANG_19), GCC_12_2, variants)
    with_clang = f'CC=clang-19 CXX=clang++-19 CMAKE_ARGS="{portable}" {INSTALL}'
    assert builds.best_command(machine) == with_clang
    assert builds.remedy_for_amx(machine).endswith(f"full speed build it again: {with_clang}")
    alone = BuildMachine(ALL_X86, (GCC_12_2,), GCC_12_2, variants)
    assert f'example: CC=clang-16 CXX=clang++-16 CMAKE_ARGS="{portable}"' in (
        builds.remedy_for_amx(alone)
    )
    assert builds.best_command(alone) == f'CMAKE_ARGS="{portable}" {INSTALL}'


def test_the_remedy_for_another_cpu_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    machine = BuildMachine(features(), (GCC_12_2,), GCC_12_2)
    command = f'CMAKE_ARGS="-DGGML_NATIVE=ON" {INSTALL}'
    assert builds.remedy_for_other_cpu(machine, {"AMX_INT8", "AVX512"}) == (
        "llama.cpp was built for another CPU, which has AVX512, AMX_INT8; build it for this one: "
        + command
    )
    assert builds.remedy_for_other_cpu(machine, ()) == (
        f"llama.cpp was built for another CPU; build it for this one: {command}"
    )


def test_a_slow_build_is_told_only_if_another_would_be_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    alone = BuildMachine(ALL_X86, (GCC_12_2,), GCC_12_2)
    assert builds.remedy_for_missing(alone, {"AMX_INT8"}) is None
    assert builds.remedy_for_missing(alone, {"AMX_INT8", "AVX512", "AVX2"}) == (
        "llama.cpp was built without AVX2, AVX512 of this CPU; it is faster if it is built for it: "
        f'CMAKE_ARGS="{WITHOUT_AMX}" {INSTALL}'
    )
    old_clang = BuildMachine(ALL_X86, (CLANG_14,), CLANG_14)
    assert builds.remedy_for_missing(old_clang, {"AMX_INT8"}) is None
    both = BuildMachine(ALL_X86, (GCC_12_2, CLANG_19), GCC_12_2)
    assert "without AMX_INT8 of this CPU" in (builds.remedy_for_missing(both, {"AMX_INT8"}) or "")
    gcc_8 = InstalledCompiler("gcc", "g++", Compiler("gcc", (8, 5, 0)))
    old = BuildMachine(features("AVX512_BF16", "AVX_VNNI"), (gcc_8,), gcc_8)
    assert builds.remedy_for_missing(old, {"AVX512_BF16", "AVX_VNNI"}) is None
    assert builds.remedy_for_missing(old, {"AVX2"}) is not None


def test_the_remedies_for_this_machine_are_commands() -> None:
    machine = builds.this_machine()
    for sentence in (
        builds.remedy_for_amx(machine),
        builds.remedy_for_other_cpu(machine, ()),
        builds.best_command(machine),
    ):
        assert sentence.endswith(INSTALL)
    assert machine.features == builds.cpu_features()
    if sys.platform == "linux" and os.environ.get("CXX") is None and shutil.which("g++"):
        assert machine.compilers
