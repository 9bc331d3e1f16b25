"""Compilers: which ones have the fault, and which are here."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from types import SimpleNamespace

import pytest

from edgeval.llama import builds
from edgeval.llama.builds import Compiler, InstalledCompiler, compilers
from tests.helpers.builds import CLANG_14, CLANG_19, GCC_11_5, GCC_12_2, GCC_13_3

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
