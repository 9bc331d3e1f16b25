"""How llama.cpp was built is read from its files and its line, and the remedy is a command."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import sysconfig
import warnings
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.llama import builds
from edgeval.llama.builds import (
    BuildMachine,
    Compiler,
    InstalledCompiler,
    commands,
    compilers,
    libraries,
)

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
CUDA = "CUDA : ARCHS = 500,610,900 | USE_GRAPHS = 1 | PEER_MAX_BATCH_SIZE = 128 | " + HASWELL
METAL = (
    "MTL : EMBED_LIBRARY = 1 | CPU : NEON = 1 | ARM_FMA = 1 | FP16_VA = 1 | MATMUL_INT8 = 1 | "
    "DOTPROD = 1 | SME = 1 | ACCELERATE = 1 | REPACK = 1"
)
GRAVITON_3 = (
    "CPU : NEON = 1 | ARM_FMA = 1 | FP16_VA = 1 | MATMUL_INT8 = 1 | SVE = 1 | DOTPROD = 1 | "
    "SVE_CNT = 32 | OPENMP = 1 | KLEIDIAI = 1 | REPACK = 1"
)


def features(*more: str, of: str = HASWELL) -> frozenset[str]:
    return builds.compiled_features(of) | set(more)


ALL_X86 = features(of=SAPPHIRE_RAPIDS)


# Compilers


@pytest.mark.parametrize(
    ("version", "is_faulty"),
    [
        ((8, 5, 0), True),
        ((10, 2, 1), True),
        ((11, 4, 0), True),
        ((11, 5, 0), False),
        ((12, 2, 0), True),
        ((12, 3, 1), True),
        ((12, 4), False),
        ((13, 2, 0), True),
        ((13, 3, 0), False),
        ((14, 0, 1), True),
        ((14, 1, 0), False),
        ((15, 2, 0), False),
    ],
)
def test_which_gcc_has_the_fault(version: tuple[int, ...], is_faulty: bool) -> None:
    assert builds.has_amx_fault(Compiler("gcc", version)) == is_faulty
    assert compilers.uses_amx(Compiler("gcc", version)) != is_faulty
    assert not builds.has_amx_fault(Compiler("clang", version))
    assert not builds.has_amx_fault(Compiler("msvc", version))


def test_an_old_clang_leaves_amx_out() -> None:
    assert not compilers.uses_amx(Compiler("clang", (15, 0, 6)))
    assert compilers.uses_amx(Compiler("clang", (16, 0, 6)))
    assert not compilers.uses_amx(Compiler("msvc", (14, 36)))


def test_a_compiler_is_named_as_one_says_it() -> None:
    assert str(GCC_12_2.compiler) == "GCC 12.2.0"
    assert str(CLANG_14.compiler) == "clang 14.0.6"
    assert str(Compiler("msvc", (14, 36))) == "MSVC linker 14.36"


VERSIONS = {
    "gcc": ("gcc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022 Free", "12.2.0"),
    "gcc-13": ("gcc-13 (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0\n", "13.3.0"),
    "gcc-12": ("gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0\n", "12.2.0"),
    "gcc-11": ("gcc-11 (built (here) 1.0) 11.5.0 20240719 (Red Hat 11.5.0-2)\n", "11.5.0"),
    "clang": ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu\n", "14.0.6"),
    "clang-19": ("Ubuntu clang version 19.1.7 (3~deb)\n", "19.1.7"),
}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """Pretend that programs are there: what each answers to --version and -dumpfullversion."""
    answers: dict[str, tuple[str, str]] = {}

    def for_c(name: str) -> str:
        return name.replace("clang++", "clang").replace("g++", "gcc")

    def run(words: list[str], **options: object) -> SimpleNamespace:
        assert options["timeout"] == 10.0
        version, dumped = answers[for_c(words[0])]
        return SimpleNamespace(returncode=0, stdout=version if words[1] == "--version" else dumped)

    def which(name: str) -> str | None:
        return name if for_c(name) in answers else None

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(compilers.subprocess, "run", run)
    monkeypatch.setattr(compilers.shutil, "which", which)
    return answers


def test_compilers_on_the_path_are_found_once(installed: dict[str, tuple[str, str]]) -> None:
    installed.update(VERSIONS)
    # gcc-12 is gcc again.
    assert builds.compilers_here() == [GCC_12_2, GCC_13_3, GCC_11_5, CLANG_14, CLANG_19]


def test_apples_gcc_is_a_clang(
    installed: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    apple = ("Apple clang version 15.0.0 (clang-1500.3.9.4)\nTarget: arm64\n", "4.2.1")
    installed.update(gcc=apple, clang=apple)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert builds.compilers_here() == [
        InstalledCompiler("clang", "clang++", Compiler("clang", (15, 0, 0)))
    ]


def test_a_pair_needs_both(
    installed: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.update(VERSIONS)
    which = compilers.shutil.which
    monkeypatch.setattr(
        compilers.shutil, "which", lambda name: None if name == "g++-13" else which(name)
    )
    assert GCC_13_3 not in builds.compilers_here()


@pytest.mark.parametrize("text", ["", "icx 2024.0\n", "gcc\n", "clang version\n"])
def test_other_programs_are_passed_over(text: str, installed: dict[str, tuple[str, str]]) -> None:
    installed["gcc"] = (text, "1.0")
    assert builds.compilers_here() == []


def test_a_compiler_that_hangs_or_fails_is_passed_over(
    installed: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.update(VERSIONS)
    for error in (subprocess.TimeoutExpired("gcc", 10.0), PermissionError()):

        def run(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(compilers.subprocess, "run", run)
        assert builds.compilers_here() == []


def test_windows_has_its_own_way_to_find_compilers(
    installed: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.update(VERSIONS)
    monkeypatch.setattr(sys, "platform", "win32")
    assert builds.compilers_here() == []
    assert builds.default_compiler() is None


@pytest.mark.parametrize(
    ("variables", "pythons", "found"),
    [
        ({}, ("gcc -pthread", "g++ -pthread"), GCC_12_2),
        ({"CC": "ccache gcc-13", "CXX": "ccache g++-13 -O2"}, ("gcc", "g++"), GCC_13_3),
        ({}, ("clang -arch arm64 -arch x86_64", "clang++ -arch arm64"), CLANG_14),
        ({"CC": "'", "CXX": "'"}, ("gcc", "g++"), None),
        ({"CC": "icx", "CXX": "icpx"}, ("gcc", "g++"), None),
        ({}, (None, None), None),
    ],
)
def test_the_default_is_what_scikit_build_would_take(
    variables: dict[str, str],
    pythons: tuple[str | None, str | None],
    found: InstalledCompiler | None,
    installed: dict[str, tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed.update(VERSIONS)
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    configured = dict(zip(("CC", "CXX"), pythons, strict=True))
    monkeypatch.setattr(sysconfig, "get_config_var", configured.get)
    assert builds.default_compiler() == found


# Libraries


def elf(comment: bytes, *, bits: int = 64, order: str = "<") -> bytes:
    """Return the least of an ELF file that has a section of comments."""
    names = b"\0.shstrtab\0.comment\0"
    start, size = (64, 64) if bits == 64 else (52, 40)
    layout = struct.Struct(order + ("IIQQQQIIQQ" if bits == 64 else "10I"))
    offset = start + len(names) + len(comment)
    sections = [
        layout.pack(*[0] * 10),
        layout.pack(1, 3, 0, 0, start, len(names), 0, 0, 1, 0),
        layout.pack(11, 1, 0x30, 0, start + len(names), len(comment), 0, 0, 1, 1),
    ]
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    word = "Q" if bits == 64 else "I"
    header = ident + struct.pack(
        f"{order}HHI3{word}I6H", 3, 62, 1, 0, 0, offset, 0, start, 0, 0, size, len(sections), 1
    )
    assert len(header) == start
    return header + names + comment + b"".join(sections)


def pe(major: int, minor: int, *, magic: int = 0x20B) -> bytes:
    """Return the start of a DLL."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64)
    return (
        dos
        + b"PE\0\0"
        + struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0x2022)
        + struct.pack("<HBB", magic, major, minor)
    )


def mach_o(tools: list[tuple[int, int]], *, is_universal: bool = False) -> bytes:
    """Return the start of a dynamic library of macOS."""
    uuid = struct.pack("<II16s", 0x1B, 24, b"")
    packed = b"".join(struct.pack("<II", *tool) for tool in tools)
    build = struct.pack("<6I", 0x32, 24 + len(packed), 1, 0, 0, len(tools)) + packed
    commands_ = uuid + build
    header = struct.pack("<8I", 0xFEEDFACF, 0x100000C, 0, 6, 2, len(commands_), 0, 0)
    if not is_universal:
        return header + commands_
    fat = struct.pack(">7I", 0xCAFEBABE, 1, 0x100000C, 0, 64, len(header + commands_), 14)
    return fat.ljust(64, b"\0") + header + commands_


SAMPLES = {
    "gcc": elf(b"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0"),
    "clang": elf(b"Debian clang version 14.0.6\0GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0"),
    "lld": elf(b"Linker: LLD 19.1.7\0\0AMD clang version 17.0.0 (https://x 1.2)\0", bits=32),
    "several": elf(b"GCC: (GNU) 13.3.1 20240611\0GCC: (GNU) 8.5.0 20210514 (Red Hat 8.5.0-20)\0"),
    "big-endian": elf(b"\0GCC: (conda-forge gcc 14.2.0-1) 14.2.0\0", order=">"),
    "rust": elf(b"rustc version 1.79.0\0"),
    "stripped": elf(b""),
    "msvc": pe(14, 36),
    "mingw": pe(2, 42),
    "apple": mach_o([(3, 0x03FA0000)]),
    "apple-clang": mach_o([(3, 0x03FA0000), (1, 0x000F0307)]),
    "universal": mach_o([(1, 0x000F0307)], is_universal=True),
    "text": b"INPUT(libggml.so.0)",
    "empty": b"",
}

BUILT_BY = {
    "gcc": Compiler("gcc", (12, 2, 0)),
    "clang": Compiler("clang", (14, 0, 6)),
    "lld": Compiler("clang", (17, 0, 0)),
    "several": Compiler("gcc", (8, 5, 0)),
    "big-endian": Compiler("gcc", (14, 2, 0)),
    "msvc": Compiler("msvc", (14, 36)),
    "apple-clang": Compiler("clang", (15, 3, 7)),
    "universal": Compiler("clang", (15, 3, 7)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_library_names_its_compiler(name: str, tmp_path: Path) -> None:
    path = tmp_path / "library"
    path.write_bytes(SAMPLES[name])
    assert builds.compiler_of(path) == BUILT_BY.get(name)


def test_a_library_that_cannot_be_read_names_none(tmp_path: Path) -> None:
    assert builds.compiler_of(tmp_path / "absent.so") is None
    assert builds.compiler_of(tmp_path) is None


@given(name=st.sampled_from(sorted(SAMPLES)), data=st.data())
def test_a_damaged_library_names_a_compiler_or_none(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(SAMPLES[name])
    del content[data.draw(st.integers(0, len(content))) :]
    for _ in range(data.draw(st.integers(0, 8)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    found = builds.compiler_of(path)
    assert found is None or (found.version and str(found))


@given(magic=st.sampled_from([b"\x7fELF\2\1", b"MZ", b"\xcf\xfa\xed\xfe"]), rest=st.binary())
def test_any_bytes_name_a_compiler_or_none(
    magic: bytes, rest: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(magic + rest)
    found = builds.compiler_of(path)
    assert found is None or found.version


@pytest.mark.parametrize("command", ["gcc", "clang"])
def test_a_library_that_is_built_here_names_its_compiler(command: str, tmp_path: Path) -> None:
    if sys.platform != "linux" or shutil.which(command) is None:
        pytest.skip(f"there is no {command} that makes ELF files here")
    (tmp_path / "a.c").write_text("int one(void) { return 1; }\n")
    words = [command, "-shared", "-fPIC", "-o", tmp_path / "a.so", tmp_path / "a.c"]
    subprocess.run(words, check=True, timeout=60)
    found = builds.compiler_of(tmp_path / "a.so")
    assert found is not None
    assert found.name == command
    asked = subprocess.run([command, "--version"], capture_output=True, check=True, text=True)
    assert ".".join(map(str, found.version)) in asked.stdout


def test_the_libraries_of_the_binding_are_found_without_loading_it() -> None:
    script = (
        "import sys; from edgeval.llama import builds; "
        "found = [builds.compiler_of(path) for path in builds.cpu_libraries()]; "
        "assert found, found; assert 'llama_cpp' not in sys.modules; print(*found)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if sys.platform == "linux":
        assert done.stdout.startswith(("GCC ", "clang "))


def test_libraries_are_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("libggml-cpu-zen4.so", "libggml-cpu-x64.so", "libggml-base.so", "ggml-cpu-x64.dll")
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    found = [path.name for path in builds.cpu_libraries()]
    assert found == ["libggml-cpu-x64.so", "libggml-cpu-zen4.so", "ggml-cpu-x64.dll"]


def test_without_the_binding_there_are_no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH", raising=False)
    monkeypatch.setattr(libraries.importlib.util, "find_spec", lambda name: None)
    assert builds.cpu_libraries() == []


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


def _pretend_cpu(monkeypatch: pytest.MonkeyPatch, name: str, flags: set[str]) -> None:
    from archspec.cpu import detect

    found = detect.partial_uarch(name=name, features=flags)
    monkeypatch.setattr(detect, "detected_info", lambda: found)


def test_flags_of_the_kernel_are_features_by_ggmls_names(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On x86 sme is memory encryption.
    flags = {"fpu", "pni", "ssse3", "avx", "avx512f", "amx_int8", "amx_tile", "sme"}
    _pretend_cpu(monkeypatch, "", flags)
    assert builds.cpu_features() == {"SSE3", "SSSE3", "AVX", "AVX512", "AMX_INT8"}


def test_flags_of_arm_are_features_by_ggmls_names(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend_cpu(monkeypatch, "", {"fp", "asimd", "asimdhp", "asimddp", "sve", "i8mm"})
    assert builds.cpu_features() == features(of=GRAVITON_3)


def test_apples_chips_are_known_by_their_model(
    forgotten: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend_cpu(monkeypatch, "m4", set())
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
