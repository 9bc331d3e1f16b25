"""llama.cpp's tools and lm-evaluation-harness, built once in the work folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from scripts.lib.peers.process import PeerError, run

BINDING = "llama-cpp-python"
PROGRAMS = ("llama-perplexity", "llama-bench")
QUANTIZERS = ("llama-quantize", "llama-imatrix")
PACKAGES = ("lm_eval", "transformers", "torch", "llama_cpp_python")
CMAKE_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
)


class Peers:
    """The peers' programs; what is not there is made when it is first asked for."""

    def __init__(
        self,
        folder: Path,
        tools: Path | None,
        python: Path | None,
        programs: Sequence[str] = PROGRAMS,
        *,
        build: str = "tools",
        cmake_options: Sequence[str] = (),
    ) -> None:
        """Name where the peers are, or are to be made.

        Args:
            folder: The work folder.
            tools: Folder of llama.cpp's tools, if they are built already.
            python: An interpreter that has lm_eval, if there is one already.
            programs: Which of llama.cpp's tools are wanted.
            build: Name of the folder in which they are built.
            cmake_options: What they are built with beside the usual, for example
                ``-DGGML_CUDA=ON``.
        """
        self._folder = folder.absolute()
        self._tools = tools
        self._python = python
        self._programs = tuple(programs)
        self._build = build
        self._cmake_options = tuple(cmake_options)

    @cached_property
    def binding_version(self) -> str:
        """Version of the binding that edgeval runs on; every peer uses the same llama.cpp."""
        try:
            return version(BINDING)
        except PackageNotFoundError:
            raise PeerError(f"{BINDING} is not installed beside edgeval; install edgeval") from None

    @cached_property
    def tools(self) -> dict[str, Path]:
        """llama.cpp's tools by name."""
        folder = self._tools or self._folder / self._build
        found = {name: find_program(folder, name) for name in self._programs}
        if self._tools is None and None in found.values():
            self._build_tools(folder)
            found = {name: find_program(folder, name) for name in self._programs}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise PeerError(
                f"no {' and no '.join(missing)} in {folder}; "
                "name a folder that has them with --tools"
            )
        return {name: path for name, path in found.items() if path is not None}

    @cached_property
    def python(self) -> Path:
        """The interpreter that has lm_eval and the binding's server."""
        if self._python is not None:
            return self._python
        folder = self._folder / "peers"
        python = interpreter(folder)
        done = folder / "complete"
        if not done.exists():
            self._build_environment(folder, python)
            done.touch()
        return python

    @cached_property
    def versions(self) -> dict[str, str | None]:
        """Versions of the peers' packages; None where one is missing."""
        code = (
            "import importlib.metadata as m, json, sys\n"
            "have = {d.name.lower().replace('-', '_'): d.version for d in m.distributions()}\n"
            "print(json.dumps({name: have.get(name) for name in sys.argv[1:]}))"
        )
        found: dict[str, str | None] = json.loads(run([self.python, "-c", code, *PACKAGES]).stdout)
        if found["lm_eval"] is None:
            raise PeerError(f"{self.python} has no lm_eval; install lm_eval[hf] there")
        return found

    @cached_property
    def source(self) -> Path:
        """llama.cpp's tree, inside the binding's source distribution."""
        name = f"llama_cpp_python-{self.binding_version}"
        tree = self._folder / "source" / name
        if not tree.is_dir():
            wanted = f"{BINDING}=={self.binding_version}"
            _say(f"downloading the source distribution of {wanted}")
            download = ["download", "--no-deps", "--no-binary", BINDING, "--dest", self._folder]
            run([sys.executable, "-m", "pip", *download, wanted])
            unpacked = self._folder / "source.part"
            shutil.rmtree(unpacked, ignore_errors=True)
            shutil.unpack_archive(self._folder / f"{name}.tar.gz", unpacked)
            unpacked.replace(self._folder / "source")
        return tree / "vendor" / "llama.cpp"

    def _build_tools(self, target: Path) -> None:
        try:
            cmake = self.cmake()
            _say(f"building {' and '.join(self._programs)}, a few minutes")
            run([*cmake, "-S", self.source, "-B", target, *CMAKE_OPTIONS, *self._cmake_options])
            jobs = str(os.cpu_count() or 1)
            build = ["--build", target, "--config", "Release", "--parallel", jobs]
            run([*cmake, *build, "--target", *self._programs])
        except PeerError as error:
            raise PeerError(
                f"llama.cpp's tools are missing and cannot be built ({error}); build "
                f"{' and '.join(self._programs)} elsewhere and name their folder with --tools"
            ) from error

    def cmake(self) -> list[str]:
        """Return how to call cmake, from an environment of its own if the system has none."""
        if shutil.which("cmake"):
            return ["cmake"]
        folder = self._folder / "cmake"
        if not find_program(folder, "cmake"):
            run([sys.executable, "-m", "venv", folder])
            run([interpreter(folder), "-m", "pip", "install", "--quiet", "cmake", "ninja"])
        os.environ["PATH"] = f"{interpreter(folder).parent}{os.pathsep}{os.environ['PATH']}"
        return ["cmake"]

    def _build_environment(self, folder: Path, python: Path) -> None:
        wanted = [
            "lm_eval[hf]",
            "torch",
            "sentencepiece",
            "datasets",
            "protobuf",
            "typer",
            f"{BINDING}[server]=={self.binding_version}",
        ]
        _say("installing lm_eval, torch and the binding's server, several minutes")
        try:
            run([sys.executable, "-m", "venv", folder])
            run([python, "-m", "pip", "install", "--quiet", *wanted])
        except PeerError as error:
            raise PeerError(
                f"lm-evaluation-harness is missing and cannot be installed ({error}); install "
                f"{' '.join(wanted)} elsewhere and name its interpreter with --peers"
            ) from error


def interpreter(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def find_program(folder: Path, name: str) -> Path | None:
    """Return a program in a folder, or where a build or an environment puts it below the folder."""
    for below in (folder, folder / "bin", folder / "bin" / "Release", folder / "Scripts"):
        for path in (below / name, below / f"{name}.exe"):
            if path.is_file():
                return path
    return None


def _say(message: str) -> None:
    typer.echo(message, err=True)
