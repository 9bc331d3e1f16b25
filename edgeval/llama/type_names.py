"""llama.cpp's file types: their names, and which of them its quantizer writes."""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path

from edgeval.errors import EngineError, closest
from edgeval.llama.library import listening, llama_cpp
from edgeval.system.engine_version import engine_version

_PREFIXES = ("LLAMA_FTYPE_ALL_", "LLAMA_FTYPE_MOSTLY_")
_ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
"""Names that llama-quantize takes besides llama.cpp's own."""

_ABSENT = Path(__file__) / "absent.gguf"
"""Nothing can be there: it would be inside a file."""


@functools.cache
def file_types() -> dict[str, int]:
    """Return the file types this llama.cpp knows: name (``Q4_K_M``) to llama_ftype."""
    return {
        name.removeprefix(prefix): value
        for prefix in _PREFIXES
        for name, value in vars(llama_cpp).items()
        if name.startswith(prefix)
    }


@functools.cache
def writable_types() -> tuple[str, ...]:
    """Return the names of the file types that this llama.cpp's quantizer writes.

    Each is tried on a source that is absent: the quantizer looks at the type before it opens the
    source, and complains of what it finds first.
    """
    return tuple(name for name, value in file_types().items() if _is_written(value))


def file_type(name: str) -> str:
    """Return a file type's canonical name; llama-quantize's aliases are known too.

    Raises:
        EngineError: If llama.cpp has no such type.
    """
    known = {each.casefold(): each for each in file_types()}
    canonical = known.get(_ALIASES.get(name.upper(), name).casefold())
    if canonical is None:
        raise EngineError(
            f"unknown quantization type {name!r}{closest(name, file_types())}; "
            f"llama.cpp has {', '.join(writable_types())}"
        )
    return canonical


def writable_type(name: str) -> str:
    """Return the canonical name of a file type that llama.cpp's quantizer writes.

    Raises:
        EngineError: If llama.cpp has no such type, or only reads it.
    """
    canonical = file_type(name)
    if canonical not in writable_types():
        raise EngineError(
            f"the llama.cpp of {engine_version()} reads {canonical} and cannot write it; "
            f"it writes {', '.join(writable_types())}"
        )
    return canonical


def _is_written(ftype: int) -> bool:
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    params.dry_run = True
    with listening(lambda _: None) as log:
        llama_cpp.llama_model_quantize(os.fsencode(_ABSENT), b"", ctypes.byref(params))
        return "invalid output file type" not in log.reason()
