"""Child processes with their time and peak memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from scripts.lib.paths import INSIDE_PEERS

_LAUNCHER = INSIDE_PEERS / "launch.py"
_POLL_S = 0.05
_SHOWN_LINES = 8


class PeerError(Exception):
    """Why a comparison cannot be made, and what to do about it."""


@dataclass(frozen=True)
class Finished:
    """A child process that succeeded.

    Attributes:
        elapsed_s: Seconds from its start to its end.
        peak_rss_bytes: Most memory it held at once, mapped pages of files included.
        stdout: What it wrote there.
        stderr: What it wrote there.
    """

    elapsed_s: float
    peak_rss_bytes: int
    stdout: str
    stderr: str


def run(
    command: Sequence[object],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command to its end.

    Args:
        command: Program and arguments; their text counts.
        cwd: Folder to run in.
        env: Variables that are set besides this process's own.

    Raises:
        PeerError: If it cannot be started or fails.
    """
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise PeerError(f"there is no program {words[0]}; check the path")
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                _launched(words, folder),
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
            )
            try:
                measured = _wait(process, folder)
            except BaseException:
                process.kill()
                raise
        stdout, stderr = (path.read_text("utf-8", "replace") for path in (out, err))
    if process.returncode:
        last = "\n".join((stderr.strip() or stdout.strip()).splitlines()[-_SHOWN_LINES:])
        code = process.returncode
        raise PeerError(f"`{' '.join(words)}` ended with exit code {code}:\n{last}")
    return Finished(*measured, stdout, stderr)


def _launched(words: list[str], folder: str) -> list[str]:
    if sys.platform == "win32":
        return words
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(Path(folder) / "report"), *words]


def _wait(process: subprocess.Popen[bytes], folder: str) -> tuple[float, int]:
    """Wait for the end and return seconds and peak memory in bytes."""
    if sys.platform == "win32":
        return _wait_polling(process)
    process.wait()
    report = json.loads((Path(folder) / "report").read_text(encoding="utf-8"))
    return report["elapsed_s"], report["peak_rss_bytes"]


def _wait_polling(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Do the same where the system does not keep a child's peak after its end."""
    started = time.perf_counter()
    peak = 0
    while process.poll() is None:
        try:
            memory = psutil.Process(process.pid).memory_info()
        except psutil.NoSuchProcess:
            break
        peak = max(peak, getattr(memory, "peak_wset", memory.rss))
        time.sleep(_POLL_S)
    process.wait()
    return time.perf_counter() - started, peak
