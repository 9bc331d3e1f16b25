"""Engine version: which llama.cpp computes, by the version of its binding."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from importlib import metadata
from pathlib import Path

_BINDING = "llama-cpp-python"
_LIBRARIES = "LLAMA_CPP_LIB_PATH"
"""The variable by which the binding finds libraries of another build."""
_LIBRARY = re.compile(r"(?:lib)?(?:ggml|llama)\b.*\.(?:so|dylib|dll)\b")
_N_DIGITS = 12


@functools.cache
def binding_version() -> str | None:
    """Return llama-cpp-python's version; None if it is not installed."""
    try:
        return metadata.version(_BINDING)
    except metadata.PackageNotFoundError:
        return None


def engine_version() -> str:
    """Return the version of the binding, which pins llama.cpp's own.

    Where ``LLAMA_CPP_LIB_PATH`` names other libraries, the binding's version says nothing of them:
    the beginning of a hash of theirs follows.
    """
    version, folder = f"{_BINDING} {binding_version()}", os.environ.get(_LIBRARIES)
    return f"{version}, libraries {_hash_of_libraries(Path(folder))}" if folder else version


@functools.cache
def _hash_of_libraries(folder: Path) -> str:
    digest = hashlib.sha256()
    found = [path for path in sorted(folder.glob("*")) if _LIBRARY.match(path.name)]
    for path in found:
        with contextlib.suppress(OSError):
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:_N_DIGITS]
