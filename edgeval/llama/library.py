"""Library: the only module that imports llama_cpp, with its log and its version."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

# OpenMP reads these when it is loaded. Threads that spin long at its barriers starve one another as
# soon as another program wants a core: with one of two busy, sleeping was 1.2 to 1.7 times as fast.
# GNU's waits a few microseconds first, which a quiet machine gains up to a fifth by with the demo.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

import llama_cpp

from edgeval.errors import EngineError
from edgeval.llama.builds import library_folders, rebuild_command
from edgeval.system.engine_version import engine_version

__all__ = [
    "Log",
    "Owner",
    "engine",
    "ggml",
    "listening",
    "llama_cpp",
    "system_info",
]

# ggml.h's enum ggml_log_level, which the binding does not export.
_LOG_LEVEL_ERROR = 4

# ggml-backend.h's enum ggml_backend_dev_type, likewise.
_DEVICE_TYPE_CPU = 0


class Log:
    """llama.cpp's log: kept for error messages, never shown by itself."""

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=20)
        self.listener: Callable[[str], None] | None = None
        self._callback = llama_cpp.llama_log_callback(self._receive)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _receive(self, level: int, text: bytes, _user_data: object) -> None:
        line = text.decode("utf-8", "replace").strip()
        if level == _LOG_LEVEL_ERROR and line:
            self.errors.append(line)
        if self.listener is not None:
            self.listener(line)

    def reason(self) -> str:
        """Return and forget the first error; the later ones only say that loading failed."""
        line = self.errors[0] if self.errors else "it gave no reason"
        self.errors.clear()
        # A damaged file's own words may stand in it.
        line = "".join(char if char.isprintable() else "?" for char in line)
        # llama.cpp starts its messages with the name of the C function.
        return line.split(": ", 1)[-1].rstrip(".")


_Owner = TypeVar("_Owner", bound="Owner")


class Owner:
    """Owns an object of llama.cpp; a context manager that frees it.

    Attributes:
        handle: The pointer to the object; None once it is freed.
    """

    def __init__(self, handle: Any, free: Callable[[Any], None]) -> None:
        self.handle = handle
        self._free = free

    def __enter__(self: _Owner) -> _Owner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the object; harmless when called twice."""
        if self.handle:
            self._free(self.handle)
            self.handle = None


@functools.cache
def engine() -> Log:
    """Start llama.cpp once and return its log.

    Raises:
        EngineError: If it has nothing that could compute on this CPU.
    """
    log = Log()
    _load_backends()
    llama_cpp.llama_backend_init()
    return log


def _load_backends() -> None:
    """Load the backends that are files of their own in a portable build, the best one for this CPU.

    Raises:
        EngineError: If there is none.
    """
    try:
        registry = ggml("ggml")
        cpu, load = registry.ggml_backend_dev_by_type, registry.ggml_backend_load_all_from_path
    except (EngineError, AttributeError):
        # Whoever needs this library says so; a build of one piece does not.
        return
    cpu.restype, cpu.argtypes = ctypes.c_void_p, [ctypes.c_int]
    load.restype, load.argtypes = None, [ctypes.c_char_p]
    for folder in library_folders():
        if cpu(_DEVICE_TYPE_CPU):
            return
        load(os.fsencode(folder))
    if not cpu(_DEVICE_TYPE_CPU):
        raise EngineError(
            f"{engine_version()} has no library that computes on this CPU; build it again for this "
            f"one: {rebuild_command(options=['-DGGML_NATIVE=ON'])}"
        )


@contextlib.contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[Log]:
    """Hand each line of the log to a listener while the context lasts."""
    log = engine()
    log.errors.clear()
    log.listener = listener
    try:
        yield log
    finally:
        log.listener = None


@functools.cache
def ggml(name: str) -> Any:
    """Return a library of ggml, whose functions the binding does not declare.

    Args:
        name: ``ggml-base`` has those of tensors and devices, ``ggml`` those of the registry.

    Raises:
        EngineError: If it is not where the binding has its libraries.
    """
    try:
        from llama_cpp._ctypes_extensions import load_shared_library

        # The binding reads the same variable.
        folder = os.environ.get("LLAMA_CPP_LIB_PATH") or Path(llama_cpp.__file__).parent / "lib"
        # A wheel has no links but copies, of which llama.cpp loads another one than the binding
        # would. Except on Windows, it finds the functions of those that it loaded itself.
        return load_shared_library(name if sys.platform == "win32" else "llama", Path(folder))
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            f"{engine_version()} has no library {name} that edgeval can use ({error}); install "
            "the version that edgeval was tested with"
        ) from error


def system_info() -> str:
    """Return llama.cpp's line of compiled-in backends and CPU features."""
    engine()
    return str(llama_cpp.llama_print_system_info().decode()).strip(" |")
