"""Programs that are asked for figures: with limits of time and length, and never trusted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

TIMEOUT_S = 5.0
_MAX_BYTES = 65_536


def output_of(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> str | None:
    """Return what a program prints.

    Args:
        command: The program and its arguments; no shell runs it.
        timeout_s: How long it may take.

    Returns:
        Its output; None if there is no such program, it fails, takes too long, or prints more than
        64 KiB. Then it is ended, with all that it started.
    """
    program = shutil.which(command[0])
    if program is None:
        return None
    due = time.monotonic() + timeout_s
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    assert process.stdout is not None
    printed: list[bytes] = []
    # What the program started may hold the pipe after its end: a thread can be left behind.
    reader = threading.Thread(target=_read, args=(process.stdout, printed), daemon=True)
    reader.start()
    reader.join(timeout_s)
    if printed and len(printed[0]) <= _MAX_BYTES:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, due - time.monotonic()))
    is_over = process.poll() is not None and not reader.is_alive()
    if not is_over:
        _kill(process)
    process.wait()
    reader.join(1.0)
    if not reader.is_alive():
        process.stdout.close()
    if not is_over or process.returncode or len(printed[0]) > _MAX_BYTES:
        return None
    return printed[0].decode("utf-8", "replace")


def _read(pipe: IO[bytes], printed: list[bytes]) -> None:
    printed.append(pipe.read(_MAX_BYTES + 1))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
