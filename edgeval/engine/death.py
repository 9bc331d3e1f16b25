"""Death of the process that llama.cpp runs in, in plain words."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.errors import EngineDiedError, EngineError
from edgeval.llama import builds

UNLOADABLE = 71
"""Exit code of a process that cannot load llama.cpp."""

GRACE_S = 0.5

_LONGEST_REASON = 300
_ASSERTION = re.compile(r"GGML_ASSERT|GGML_ABORT|ggml_abort|fatal error|CUDA error|what\(\):")

_WINDOWS = {
    0xC000001D: "SIGILL",
    0xC0000005: "SIGSEGV",
    0xC0000094: "SIGFPE",
    0xC00000FD: "SIGSEGV",
    0xC0000374: "SIGABRT",
    0xC0000409: "SIGABRT",
    0xC000013A: "SIGINT",
    0xC0000017: "SIGKILL",
}
"""Windows ends a process with the number of an exception (its ntstatus.h)."""

_WINDOWS_ABORT = 3

REINSTALL = "update the GPU's driver, or install llama-cpp-python again"
"""What to do about a library that crashes or hangs."""

_PRELOAD = "LD_PRELOAD=$(gcc -print-file-name=libstdc++.so.6)"

_CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE")
_INTERRUPTIONS = ("SIGTERM", "SIGHUP", "SIGINT")


@dataclass(frozen=True)
class Ended:
    """How the process ended.

    Attributes:
        code: Its exit code; below zero the signal that ended it.
        last_lines: What it said last on stderr.
    """

    code: int
    last_lines: Sequence[str] = ()


def may_be_an_interruption(ended: Ended) -> bool:
    """Return whether it was ended by what also ends whole groups of processes."""
    return _signal_name(ended.code) in _INTERRUPTIONS


def died(doing: str, ended: Ended) -> EngineError:
    """Return the error that says what happened.

    Args:
        doing: What the process did, for example ``scoring a.gguf``.
        ended: How it ended.
    """
    said = _said(ended.last_lines)
    if ended.code == UNLOADABLE:
        return EngineError(
            f"llama-cpp-python cannot be loaded ({said}); install what it misses, or install it "
            "again"
        )
    return EngineDiedError(doing, cause(ended), _remedy(ended))


def cause(ended: Ended) -> str:
    """Return what ended a process, for example ``an illegal instruction (SIGILL)``."""
    name, said = _signal_name(ended.code), _said(ended.last_lines)
    if name == "SIGILL":
        return "an illegal instruction (SIGILL)"
    if name == "SIGKILL":
        return "SIGKILL, as a rule because memory ran out"
    if name == "SIGABRT" or _ASSERTION.search(said):
        return f"an assertion of its own ({said})" if said else "an abort (SIGABRT)"
    if name in _CRASHES:
        return f"a crash ({name})"
    if name in _INTERRUPTIONS:
        return f"{name}, which another program or a person sent"
    if name is not None:
        return name
    detail = f", saying: {said}" if said else ""
    return f"exit code {_number(ended.code)}{detail}"


def _remedy(ended: Ended) -> str:
    """Return what to do about how a process ended."""
    name = _signal_name(ended.code)
    if name == "SIGILL":
        return builds.remedy_for_illegal_instruction()
    if name == "SIGKILL":
        return "close other programs, evaluate a smaller type, or lower --batch-tokens"
    if name == "SIGABRT" or _ASSERTION.search(_said(ended.last_lines)):
        return (
            "the model may be one that this llama.cpp cannot run; try another model, or a newer "
            "llama-cpp-python"
        )
    if name == "SIGBUS":
        return (
            "a file that it read was cut off meanwhile, or its disk fails, so check both and run "
            "the same command again"
        )
    if name in _CRASHES:
        return _crash_remedy()
    if name is not None:
        return "run the same command again"
    return "run the same command again, or install llama-cpp-python again"


def _crash_remedy() -> str:
    if sys.platform == "linux" and "libstdc++" not in os.environ.get("LD_PRELOAD", ""):
        return (
            "its libraries may be linked to another C++ standard library than Python, so start "
            f"edgeval with {_PRELOAD} before it, or {REINSTALL}"
        )
    return REINSTALL


def _signal_name(code: int) -> str | None:
    if code < 0:
        known = {int(each): each.name for each in signal.Signals}
        return known.get(-code, f"signal {-code}")
    if sys.platform == "win32":
        return "SIGABRT" if code == _WINDOWS_ABORT else _WINDOWS.get(code)
    return None


def _number(code: int) -> str:
    # Windows has the exception as a number of 32 bits.
    return str(code) if code < 256 else f"{code:#x}"


def _said(lines: Sequence[str]) -> str:
    """Return the line that says most of a death: an assertion, or else the last one."""
    spoken = [line for line in lines if line]
    telling = [line for line in spoken if _ASSERTION.search(line)] or spoken[-1:]
    line = telling[0] if telling else ""
    printable = "".join(char if char.isprintable() else "?" for char in line)
    return printable[:_LONGEST_REASON].rstrip(".")
