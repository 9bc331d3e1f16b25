"""llama.cpp's file types, and its quantizer."""

from __future__ import annotations

import ctypes
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path

from edgeval.errors import EngineError, closest
from edgeval.gguf_checks import check
from edgeval.llama.library import listening, llama_cpp

_FTYPE_PREFIXES = ("LLAMA_FTYPE_ALL_", "LLAMA_FTYPE_MOSTLY_")


@functools.cache
def file_types() -> dict[str, int]:
    """Return the file types this llama.cpp can write: name (``Q4_K_M``) to llama_ftype."""
    return {
        name.removeprefix(prefix): value
        for prefix in _FTYPE_PREFIXES
        for name, value in vars(llama_cpp).items()
        if name.startswith(prefix)
    }


def file_type(name: str) -> str:
    """Return a file type's canonical name.

    Raises:
        EngineError: If llama.cpp has no such type.
    """
    canonical = {known.casefold(): known for known in file_types()}.get(name.casefold())
    if canonical is None:
        known = ", ".join(file_types())
        guess = closest(name, file_types())
        raise EngineError(f"unknown quantization type {name!r}{guess}; llama.cpp has {known}")
    return canonical


def quantize_file(
    source: Path, target: Path, ftype: str, threads: int, on_line: Callable[[str], None]
) -> None:
    """Quantize a GGUF with llama.cpp's own quantizer.

    It runs in a thread of its own, because the call cannot be interrupted and Ctrl-C must be. After
    an interruption the thread goes on until the process ends, in a file that may be removed.

    Args:
        source: An F32, F16 or BF16 GGUF.
        target: Written in place; the caller renames.
        ftype: A name of ``file_types()``.
        threads: CPU threads.
        on_line: Called with each line llama.cpp logs, from that thread.

    Raises:
        GgufError: If the source is missing, not a GGUF or damaged.
        EngineError: If llama.cpp refuses.
    """
    check(source)
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = file_types()[ftype]
    params.nthread = threads
    result: Future[int] = Future()

    def work() -> None:
        if result.set_running_or_notify_cancel():
            result.set_result(
                llama_cpp.llama_model_quantize(
                    str(source).encode(), str(target).encode(), ctypes.byref(params)
                )
            )

    with listening(on_line) as log:
        try:
            threading.Thread(target=work, name=f"quantize-{ftype}", daemon=True).start()
            # To wait without a timeout would not be interrupted by Ctrl-C on Windows.
            while not wait([result], timeout=0.1).done:
                pass
        except BaseException:
            # llama.cpp opens the file once. Removed before that, it would come back.
            while not (result.cancel() or result.done() or target.exists()):
                time.sleep(0.01)
            raise
        if result.result() != 0:
            raise EngineError(f"llama.cpp cannot quantize {source} to {ftype}: {log.reason()}")
