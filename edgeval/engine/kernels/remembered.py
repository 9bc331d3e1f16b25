"""Memory of what was found out about one llama.cpp on one CPU, beside the GGUFs."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from edgeval.errors import EdgevalError
from edgeval.llama import machine
from edgeval.llama.builds.libraries import library_folders
from edgeval.records import KernelTrial, KernelTrials, Record
from edgeval.system.engine_version import binding_version
from edgeval.system.files import KERNEL_FOLDER, cache_folder, write_text

TRIALS_VERSION: Final = 1
"""Raised when trials find other things: those that are remembered are not looked at then."""

_LIBRARY = re.compile(r"(.+?)(?:\.\d+)*\.(?:dll|dylib|so)\b")
_MOST_HASHED_BYTES = 1 << 26
"""Larger libraries are those of GPUs, which compute nothing here."""

_DECIDING = (
    "GGML_KLEIDIAI_SME",
    "GGML_CPU_TILED_MM",
    "GGML_CPU_TILED_MM_FORCE",
    "GGML_BACKEND_PATH",
)
"""Variables by which llama.cpp chooses kernels."""

_CPU_FLAGS = ("flags", "Features")
_KEY_LENGTH = 24

_Remembered = TypeVar("_Remembered", bound=Record)


def machine_key() -> str:
    """Return a name of this llama.cpp on this CPU; nothing is loaded for it.

    It depends on the contents of llama.cpp's libraries, which are those of ``LLAMA_CPP_LIB_PATH``
    where that is set, and on the CPU's name and, on Linux, its features.
    """
    digest = hashlib.sha256()
    environment = [f"{name}={os.environ.get(name)}" for name in _DECIDING]
    facts = (str(TRIALS_VERSION), str(binding_version()), *_cpu(), *environment)
    for fact in (*facts, *_libraries()):
        digest.update(f"{fact}\n".encode())
    return digest.hexdigest()[:_KEY_LENGTH]


def trials() -> dict[tuple[str, str], KernelTrial]:
    """Return the trials that are remembered, by type and path."""
    found = _read(_trials_path(), KernelTrials)
    return {(trial.type, trial.kernels): trial for trial in found.trials} if found else {}


def remember_trials(new: Iterable[KernelTrial]) -> None:
    """Remember trials beside those that are; where nothing can be written, they are not."""
    # Another process may have found others meanwhile.
    known = trials() | {(trial.type, trial.kernels): trial for trial in new}
    ordered = [known[name] for name in sorted(known)]
    _write(_trials_path(), KernelTrials(trials=ordered))


def recall(name: str, kind: type[_Remembered]) -> _Remembered | None:
    """Return a record that is remembered under a name; None if there is none."""
    return _read(_folder() / f"{machine_key()}-{name}.json", kind)


def remember(name: str, record: Record) -> None:
    """Remember a record under a name; where nothing can be written, it is not."""
    _write(_folder() / f"{machine_key()}-{name}.json", record)


def _folder() -> Path:
    return cache_folder() / KERNEL_FOLDER


def _trials_path() -> Path:
    return _folder() / f"{machine_key()}.json"


def _read(path: Path, kind: type[_Remembered]) -> _Remembered | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(path: Path, record: Record) -> None:
    with contextlib.suppress(EdgevalError):
        write_text(path, record.model_dump_json(indent=2) + "\n")


def _libraries() -> Iterator[str]:
    """Yield name and contents of each library; one that is there under several names once."""
    seen: set[tuple[str, int]] = set()
    for folder in library_folders():
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            match = _LIBRARY.match(path.name)
            if match is None or not path.is_file():
                continue
            name, status = match[1], path.stat()
            if (name, status.st_size) not in seen:
                seen.add((name, status.st_size))
                yield f"{name} {_contents(path, status.st_size, status.st_mtime_ns)}"


@functools.lru_cache(maxsize=64)
def _contents(path: Path, size: int, _mtime_ns: int) -> str:
    if size > _MOST_HASHED_BYTES:
        return str(size)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return str(size)


@functools.cache
def _cpu() -> tuple[str, str]:
    """Return the CPU's name and features."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    features = next((line for line in lines if line.startswith(_CPU_FLAGS)), "")
    return machine.cpu_name(), features.rpartition(":")[2].strip()
