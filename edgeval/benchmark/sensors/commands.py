"""Programs that are asked for figures: with a time limit, and never trusted with more."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

TIMEOUT_S = 5.0
_MAX_CHARACTERS = 65_536


def output_of(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> str | None:
    """Return what a program prints; None if there is none, it fails, or it takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout_s,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout[:_MAX_CHARACTERS].decode("utf-8", "replace")
    return text if done.returncode == 0 else None
