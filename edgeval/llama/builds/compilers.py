"""C and C++ compilers: their versions, which are here, and which compile AMX wrongly."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

CompilerName = Literal["gcc", "clang", "msvc"]

_LABELS: dict[CompilerName, str] = {"gcc": "GCC", "clang": "clang", "msvc": "MSVC linker"}
_TIMEOUT_S = 10.0
_NUMBERED = range(20, 10, -1)
# A package's name may hold parentheses of its own, so GCC is asked for its version once more.
_GCC = re.compile(r"^\S+ \(.*\) \d+\.\d+")
_CLANG = re.compile(r"\bclang version (\d+(?:\.\d+)*)")
_DOTTED = re.compile(r"\d+(?:\.\d+)*")

_AMX_FIXED = {11: (11, 5), 12: (12, 4), 13: (13, 3), 14: (14, 1)}
"""First sound GCC of each major version (GCC bug 114098); those before 11 were not repaired."""

_AMX_CLANG = (16,)
"""Before, clang called AMX's macros otherwise than GCC, and llama.cpp does not see them."""


@dataclass(frozen=True)
class Compiler:
    """A compiler and its version.

    Attributes:
        name: Which one; ``msvc`` has the version of its linker, which is all that a DLL tells.
        version: Its parts, for example ``(12, 2, 0)``.
    """

    name: CompilerName
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{_LABELS[self.name]} {'.'.join(map(str, self.version))}"


@dataclass(frozen=True)
class InstalledCompiler:
    """A pair of commands that compile C and C++.

    Attributes:
        c: The command for C, for example ``gcc-13``.
        cxx: The command for C++.
        compiler: What the second one is.
    """

    c: str
    cxx: str
    compiler: Compiler


def has_amx_fault(compiler: Compiler) -> bool:
    """Whether llama.cpp's AMX code dies on an illegal instruction if this compiler built it.

    Such a GCC believes that ``_tile_loadconfig`` reads 8 of its 64 bytes, and drops the stores to
    the others: GCC bug 114098, llama.cpp pull request 26954.
    """
    if compiler.name != "gcc" or not compiler.version:
        return False
    first_sound = _AMX_FIXED.get(compiler.version[0])
    if first_sound is None:
        return compiler.version[0] < min(_AMX_FIXED)
    return compiler.version < first_sound


def uses_amx(compiler: Compiler) -> bool:
    """Whether llama.cpp has code for AMX, and it works, if this compiler builds it."""
    if compiler.name == "gcc":
        return not has_amx_fault(compiler)
    return compiler.name == "clang" and compiler.version >= _AMX_CLANG


def amx_fixed_in(compiler: Compiler) -> str:
    """Return the GCC in which a faulty one is repaired: of its own series, or all of them."""
    own = _AMX_FIXED.get(compiler.version[0]) if compiler.version else None
    names = [".".join(map(str, each)) for each in ([own] if own else _AMX_FIXED.values())]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def compilers_here() -> list[InstalledCompiler]:
    """Return the GCCs and clangs on the path that compile C and C++, each version once.

    None on Windows, where CMake finds Visual Studio by itself.
    """
    found: dict[Compiler, InstalledCompiler] = {}
    for name, c, cxx in _candidates():
        if shutil.which(c) is None or (program := shutil.which(cxx)) is None:
            continue
        compiler = _asked(program)
        # On macOS gcc is a clang, which has a name of its own there.
        if compiler is not None and compiler.name == name:
            found.setdefault(compiler, InstalledCompiler(c, cxx, compiler))
    return list(found.values())


def default_compiler() -> InstalledCompiler | None:
    """Return what builds the binding if nothing is said; None on Windows or where it is not known.

    ``CC`` and ``CXX`` decide, then what Python was built with: scikit-build-core passes that on.
    """
    if sys.platform == "win32":
        return None
    c, cxx = (
        _bare(os.environ.get(name) or sysconfig.get_config_var(name)) or fallback
        for name, fallback in (("CC", "cc"), ("CXX", "c++"))
    )
    program = shutil.which(cxx)
    compiler = None if program is None else _asked(program)
    return None if compiler is None else InstalledCompiler(c, cxx, compiler)


def _candidates() -> Iterator[tuple[CompilerName, str, str]]:
    """Yield the names that compilers are installed under, and what each should be."""
    if sys.platform == "win32":
        return
    pairs: tuple[tuple[CompilerName, str], ...] = (("gcc", "g++"), ("clang", "clang++"))
    for name, cxx in pairs:
        yield name, name, cxx
        for number in _NUMBERED:
            yield name, f"{name}-{number}", f"{cxx}-{number}"


def _asked(program: str) -> Compiler | None:
    """Return what a command says that it is; None if it is neither GCC nor clang."""
    text = _output(program, "--version")
    if clang := _CLANG.search(text):
        return Compiler("clang", _parts(clang[1]))
    if not _GCC.match(text):
        return None
    # GCC 7 and newer answer the first with all parts; older ones only know the second.
    version = _DOTTED.match(_output(program, "-dumpfullversion", "-dumpversion"))
    return None if version is None else Compiler("gcc", _parts(version[0]))


def _output(program: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            check=False,
            encoding="utf-8",
            env={**os.environ, "LC_ALL": "C"},
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _bare(command: str | None) -> str | None:
    """Return a command without its flags, and without a wrapper such as ccache."""
    try:
        words = shlex.split(command or "")
    except ValueError:
        return None
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    return words[-1] if words else None
