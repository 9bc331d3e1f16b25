"""Commands that build llama.cpp again for this machine, and the sentences around them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from edgeval.llama.builds.compilers import (
    Compiler,
    InstalledCompiler,
    amx_fixed_in,
    compilers_here,
    default_compiler,
    has_amx_fault,
    uses_amx,
)
from edgeval.llama.builds.features import cpu_features, in_order
from edgeval.llama.builds.libraries import cpu_libraries

_BINDING = "llama-cpp-python"
_INSTALL = f"pip install --force-reinstall --no-cache-dir --no-deps --no-binary {_BINDING}"

BACKEND_OPTIONS = {
    "cuda": "-DGGML_CUDA=on",
    "metal": "-DGGML_METAL=on",
    "vulkan": "-DGGML_VULKAN=on",
    "rocm": "-DGGML_HIP=on",
    "sycl": "-DGGML_SYCL=on",
    "opencl": "-DGGML_OPENCL=on",
}
"""What llama.cpp is built with for each backend that needs a GPU (its docs/build.md)."""

_NATIVE = ("-DGGML_NATIVE=ON",)
"""Said aloud, since ggml leaves it out where SOURCE_DATE_EPOCH is set."""

PORTABLE = ("-DGGML_NATIVE=OFF", "-DGGML_BACKEND_DL=ON", "-DGGML_CPU_ALL_VARIANTS=ON")
"""A library for each kind of CPU, of which the best one is loaded."""

_ABLE = InstalledCompiler("clang-16", "clang++-16", Compiler("clang", (16,)))
"""The first clang that makes use of AMX, to be installed where nothing else does."""

_ON_BY_DEFAULT = ("SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C")
_OFF_BY_DEFAULT = ("AVX_VNNI", "AVX512", "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16")
"""Options of ggml/CMakeLists.txt where GGML_NATIVE is off; AMX's are left out."""

_FIRST_GCC = {
    "AVX512_VNNI": 8,
    "DOTPROD": 8,
    "AVX512_BF16": 10,
    "MATMUL_INT8": 10,
    "SVE": 10,
    "AVX_VNNI": 11,
}
"""The first GCC that compiles a feature, where that is a recent one (its release notes)."""


@dataclass(frozen=True)
class BuildMachine:
    """What decides how llama.cpp is best built.

    Attributes:
        features: What the CPU has, by llama.cpp's names.
        compilers: Those that are installed.
        default: The one that builds if none is named; None if it is not known.
        variants: The installed build's libraries for each kind of CPU, if it is a portable one; it
            stays one, since other machines may use it too.
    """

    features: frozenset[str] = frozenset()
    compilers: tuple[InstalledCompiler, ...] = ()
    default: InstalledCompiler | None = None
    variants: tuple[Path, ...] = ()

    @property
    def compiler(self) -> InstalledCompiler | None:
        """What to build with: the default one, unless the CPU has AMX and that one does it wrong.

        Then the newest GCC that does it right, or the newest clang, which needs an OpenMP of its
        own. The default one if there is neither, and None if it is not known.
        """
        default = self.default
        if default is None or "AMX_INT8" not in self.features or uses_amx(default.compiler):
            return default
        able = [each for each in self.compilers if uses_amx(each.compiler)]
        return max(able, key=_rank, default=default)

    @property
    def builds_amx(self) -> bool:
        """Whether that compiler makes code for AMX that works."""
        return self.compiler is None or uses_amx(self.compiler.compiler)

    @property
    def avoids_amx(self) -> bool:
        """Whether the CPU has AMX, and the code that would be made for it does not work."""
        return (
            self.compiler is not None
            and "AMX_INT8" in self.features
            and has_amx_fault(self.compiler.compiler)
        )


def this_machine() -> BuildMachine:
    """Return what is here; it asks each compiler for its version, which takes some milliseconds."""
    variants = tuple(path for path in cpu_libraries() if "ggml-cpu-" in path.name)
    return BuildMachine(cpu_features(), tuple(compilers_here()), default_compiler(), variants)


def rebuild_command(
    *backends: str, options: Iterable[str] = (), compiler: InstalledCompiler | None = None
) -> str:
    """Return the command that builds the installed binding again, in this system's shell.

    Args:
        backends: Those that need a GPU, which it is built for.
        options: More of CMake's options.
        compiler: What to build with; None leaves that to CMake.
    """
    named = [BACKEND_OPTIONS[name] for name in backends if name in BACKEND_OPTIONS]
    variables = {"CMAKE_ARGS": " ".join([*named, *options])}
    if compiler is not None:
        variables = {"CC": compiler.c, "CXX": compiler.cxx, **variables}
    try:
        install = f"{_INSTALL} {_BINDING}=={metadata.version(_BINDING)}"
    except metadata.PackageNotFoundError:
        install = f"{_INSTALL} {_BINDING}"
    if sys.platform == "win32":
        return "; ".join([*(f"$env:{name}='{text}'" for name, text in variables.items()), install])
    quoted = [
        f'{name}="{text}"' if name == "CMAKE_ARGS" else f"{name}={text}"
        for name, text in variables.items()
    ]
    return " ".join([*quoted, install])


def best_command(machine: BuildMachine, backends: Sequence[str] = ()) -> str:
    """Return the command that builds the fastest llama.cpp that works on a machine.

    A native build, by a compiler that does AMX right if the CPU has it; else one without AMX. A
    portable build stays one.

    Args:
        machine: The machine, as a rule this one.
        backends: Those of the installed build that are to stay.
    """
    named = None if machine.compiler == machine.default else machine.compiler
    if machine.variants:
        options: Sequence[str] = PORTABLE
    elif machine.avoids_amx:
        options = _without_amx({name for name in machine.features if _compiles(machine, name)})
    else:
        options = _NATIVE
    return rebuild_command(*backends, options=options, compiler=named)


def remedy_for_amx(
    machine: BuildMachine, built_by: Compiler | None = None, backends: Sequence[str] = ()
) -> str:
    """Return what to do about a build whose AMX code dies on an illegal instruction, in a sentence.

    Args:
        machine: The machine, as a rule this one.
        built_by: What built the library, as far as it tells.
        backends: Those of the installed build that are to stay.
    """
    if built_by is None or not has_amx_fault(built_by):
        fault = "llama.cpp's AMX code was compiled wrongly"
    else:
        fault = (
            f"{built_by} compiles llama.cpp's AMX code wrongly (GCC bug 114098, fixed in "
            f"{amx_fixed_in(built_by)})"
        )
    # Whatever else is known of the CPU: its AMX was just used.
    machine = replace(machine, features=machine.features | {"AMX_INT8"})
    if machine.builds_amx:
        return f"{fault}; for full speed build it again: {best_command(machine, backends)}"
    if not machine.variants:
        return (
            f"{fault}; for more speed build it again without AMX (or, for full speed, with clang "
            f"16, GCC 14.1 or newer): {best_command(machine, backends)}"
        )
    machine = replace(machine, compilers=(_ABLE,))
    return (
        f"{fault}; for full speed install clang 16 or GCC 14.1, or newer, and build it again, for "
        f"example: {best_command(machine, backends)}"
    )


def remedy_for_other_cpu(
    machine: BuildMachine, superfluous: Collection[str], backends: Sequence[str] = ()
) -> str:
    """Return what to do about a build that needs what this CPU does not have, in a sentence.

    Args:
        machine: The machine, as a rule this one.
        superfluous: What the CPU lacks; may be empty if only the crash is known.
        backends: Those of the installed build that are to stay.
    """
    lacks = f", which has {', '.join(in_order(superfluous))}" if superfluous else ""
    return (
        f"llama.cpp was built for another CPU{lacks}; build it for this one: "
        f"{best_command(machine, backends)}"
    )


def remedy_for_missing(
    machine: BuildMachine, missing: Collection[str], backends: Sequence[str] = ()
) -> str | None:
    """Return how a build that does not use all of this CPU becomes faster, in a sentence.

    Args:
        machine: The machine, as a rule this one.
        missing: What the build does not use.
        backends: Those of the installed build that are to stay.

    Returns:
        None if no compiler that is here would make use of more.
    """
    named = gained(machine, missing)
    if not named:
        return None
    return (
        f"llama.cpp was built without {', '.join(named)} of this CPU; it is faster if it is built "
        f"for it: {best_command(machine, backends)}"
    )


def gained(machine: BuildMachine, missing: Collection[str]) -> list[str]:
    """Return what of a CPU a build for it would use that the installed one does not.

    Args:
        machine: The machine, as a rule this one.
        missing: What the installed build does not use.
    """
    return [name for name in in_order(missing) if _compiles(machine, name)]


def _compiles(machine: BuildMachine, feature: str) -> bool:
    """Whether the compiler of the best command makes use of a feature."""
    if feature == "AMX_INT8":
        return machine.builds_amx
    chosen = machine.compiler
    if chosen is None or chosen.compiler.name != "gcc":
        return True
    return chosen.compiler.version >= (_FIRST_GCC.get(feature, 0),)


def _rank(installed: InstalledCompiler) -> tuple[bool, tuple[int, ...]]:
    return installed.compiler.name == "gcc", installed.compiler.version


def _without_amx(features: Collection[str]) -> list[str]:
    """Return CMake's options for all that a CPU has but AMX."""
    has = {*features, "SSE42"} if "AVX" in features else {*features}
    on = [name for name in (*_ON_BY_DEFAULT, *_OFF_BY_DEFAULT) if name in has]
    off = [name for name in _ON_BY_DEFAULT if name not in has]
    return [
        "-DGGML_NATIVE=OFF",
        *(f"-DGGML_{name}=ON" for name in on),
        *(f"-DGGML_{name}=OFF" for name in off),
    ]
