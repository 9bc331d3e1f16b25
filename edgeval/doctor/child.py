"""Steps in a process of their own: a library that crashes takes only that one with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from edgeval.console import stderr_console

COMMAND = (sys.executable, "-m", "edgeval.doctor")

REFUSED, UNLOADABLE, INTERRUPTED = 70, 71, 130
"""Exit codes of a step that ended with a sentence, without llama.cpp, or with Ctrl-C.

On Windows ``abort`` ends a process with 3.
"""

_PRELOAD = "LD_PRELOAD=$(gcc -print-file-name=libstdc++.so.6)"
_BUILD_HERE = (
    "build it here: pip install --force-reinstall --no-cache-dir --no-deps "
    "--no-binary llama-cpp-python llama-cpp-python"
)
_REINSTALL = "update the GPU's driver and install llama-cpp-python again"


@dataclass(frozen=True)
class Answer:
    """What a step printed before it ended.

    Attributes:
        lines: A record each, as JSON.
        refusal: The sentence it ended with, if it did.
        crash: What happened if it ended in no way of its own.
    """

    lines: list[str]
    refusal: str | None = None
    crash: str | None = None


def ask(doing: str, *arguments: str, timeout_s: float | None = None) -> Answer:
    """Return what a step finds.

    Args:
        doing: What it does, for a sentence about a crash, for example ``listing the devices``.
        arguments: Its name and arguments.
        timeout_s: Seconds after which it is stopped.

    Raises:
        KeyboardInterrupt: If it was interrupted.
    """
    try:
        # What the step and the libraries say on stderr is for the user to see.
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        sentence = f"{doing} took llama.cpp longer than {timeout_s:.0f} s; {_REINSTALL}"
        return Answer([], crash=sentence)
    lines = done.stdout.splitlines()
    if done.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if done.returncode == 0:
        return Answer(lines)
    if done.returncode == REFUSED:
        return Answer(lines[:-1], refusal=json.loads(lines[-1]))
    if done.returncode == UNLOADABLE:
        reason = json.loads(lines[-1])
        return Answer(
            [],
            crash=f"llama-cpp-python cannot be loaded ({reason}); install what it misses, or "
            "install it again",
        )
    # It may have had a progress bar, which hides the cursor.
    stderr_console().show_cursor(True)
    return Answer(lines, crash=_crash(doing, done.returncode))


def _crash(doing: str, code: int) -> str:
    """Return a sentence about a process that ended with a signal or an unknown exit code."""
    if code == 1:
        return (
            f"{doing} failed with the error on stderr; install llama-cpp-python again, and report "
            "it if that does not help"
        )
    name = _signal_name(code)
    if name == "SIGKILL":
        return f"{doing} was killed, as a rule for want of memory; close other programs"
    if name == "SIGILL":
        return f"llama.cpp crashed (SIGILL) {doing}; it was built for another CPU, so {_BUILD_HERE}"
    if sys.platform == "linux" and "libstdc++" not in os.environ.get("LD_PRELOAD", ""):
        remedy = (
            "its libraries may be linked to another C++ standard library than Python, so start "
            f"edgeval with {_PRELOAD} before it, or {_REINSTALL}"
        )
    else:
        remedy = _REINSTALL
    return f"llama.cpp crashed ({name}) {doing}; {remedy}"


def _signal_name(code: int) -> str:
    if code < 0:
        known = {int(each): each.name for each in signal.Signals}
        return known.get(-code, f"signal {-code}")
    # Windows has the exception as a number of 32 bits.
    return f"exit code {code}" if code < 256 else f"exit code {code:#x}"
