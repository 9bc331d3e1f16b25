"""Wheels for aarch64: llama-cpp-python by Debian's cross compiler, all others as published."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.lib.paths import ROOT
from scripts.lib.peers.build import Peers, interpreter
from scripts.lib.peers.process import run

GCC: Final = "aarch64-linux-gnu-gcc"
GXX: Final = "aarch64-linux-gnu-g++"

_TAG: Final = "linux_aarch64"
_PLATFORMS: Final = (
    _TAG,
    "manylinux2014_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux_2_28_aarch64",
)


@dataclass(frozen=True)
class Build:
    """One build of llama.cpp.

    Attributes:
        name: Name of its folder.
        march: What GCC is told of the CPU.
    """

    name: str
    march: str


class Wheels:
    """Wheels of a work folder; what is not there is made when it is first asked for."""

    def __init__(self, work: Path, python: str) -> None:
        """Name where they are.

        Args:
            work: The work folder.
            python: The Python they are for, for example ``3.11``.
        """
        self._work = work
        self._python = python
        self._peers = Peers(work, None, None)

    def installed(self, build: Build) -> Path:
        """Return a folder with edgeval, as it is now, a build of llama.cpp and what they need."""
        packages = self._work / build.name / "packages"
        done = packages / "complete"
        ours = self._wheel(ROOT, self._work / "edgeval")
        platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages]
        install += ["--python-version", self._python, *platforms, "--only-binary", ":all:"]
        if not done.exists():
            shutil.rmtree(packages, ignore_errors=True)
            run([*install, self.binding(build), ours])
            done.touch()
        else:
            run([*install, "--no-deps", "--upgrade", ours])
        return packages

    def binding(self, build: Build) -> Path:
        """Return the wheel of llama-cpp-python in one build; compiling takes many minutes."""
        folder = self._work / build.name / "wheel"
        tagged = f"*-{_TAG}.whl"
        if not any(folder.glob(tagged)):
            print(f"compiling llama.cpp with -march={build.march}", file=sys.stderr)
            source = self._peers.source.parents[1]
            # One folder for all builds: of the next one only the kernels are compiled.
            objects = f"build-dir={self._work / 'objects'}"
            options = {"CMAKE_ARGS": shlex.join(cmake_options(build))}
            made = self._wheel(source, folder, "-C", objects, environment=options)
            # The build's backend names a wheel by the machine that it runs on.
            rename = ["-m", "wheel", "tags", "--remove", "--platform-tag", _TAG]
            run([self._tools(), *rename, made])
        (wheel,) = folder.glob(tagged)
        return wheel

    def _tools(self) -> Path:
        """Return an interpreter that can rename wheels."""
        folder = self._work / "tools"
        if not folder.exists():
            run([sys.executable, "-m", "venv", folder])
            run([interpreter(folder), "-m", "pip", "install", "--quiet", "wheel"])
        return interpreter(folder)

    def _wheel(
        self, source: Path, folder: Path, *options: str, environment: dict[str, str] | None = None
    ) -> Path:
        """Make one wheel in a folder of its own."""
        shutil.rmtree(folder, ignore_errors=True)
        make = ["wheel", "--quiet", "--no-deps", "--no-cache-dir", "--wheel-dir", folder]
        run([sys.executable, "-m", "pip", *make, *options, source], env=environment)
        (wheel,) = folder.glob("*.whl")
        return wheel


def cmake_options(build: Build) -> list[str]:
    """Return what CMake is told to compile llama.cpp for a build's CPU, and not for this one."""
    cross = {
        "SYSTEM_NAME": "Linux",
        "SYSTEM_PROCESSOR": "aarch64",
        "C_COMPILER": GCC,
        "CXX_COMPILER": GXX,
    }
    ours = [f"-DCMAKE_{name}={value}" for name, value in cross.items()]
    return [*ours, "-DGGML_NATIVE=OFF", f"-DGGML_CPU_ARM_ARCH={build.march}"]
