"""Machine, as far as it is known without llama.cpp."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeval.records import Folder
from edgeval.system.board.storage import storage_kind

_NVIDIA_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class FoundGpu:
    """A GPU that the system knows of.

    Attributes:
        description: Its name.
        backend: What would compute on it.
    """

    description: str
    backend: Literal["cuda", "metal"]


def folder(name: Literal["cache", "store"], path: Path) -> Folder:
    """Return where something is kept, and whether it can be.

    Args:
        name: What is kept there.
        path: The folder, or the file; neither needs to exist yet.
    """
    free, is_writable = None, False
    try:
        nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
        free = shutil.disk_usage(nearest).free
        if nearest.is_file() and nearest == path:
            path.open("r+b").close()
            nearest = path.absolute().parent
        # Permissions do not tell: of a disk that cannot be written they may say that it can.
        tempfile.TemporaryFile(dir=nearest).close()
        is_writable = True
    except (OSError, StopIteration):
        pass
    return Folder(
        name=name,
        path=_short(path),
        free_bytes=free,
        is_writable=is_writable,
        storage=storage_kind(path),
    )


def unused_gpu(built: Collection[str]) -> FoundGpu | None:
    """Return a GPU of the machine for which llama.cpp was not built, if there is one.

    Args:
        built: The backends that it was built with.
    """
    if sys.platform == "darwin":
        is_apple = platform.machine() == "arm64" and "metal" not in built
        return FoundGpu("Apple's GPU", "metal") if is_apple else None
    name = None if "cuda" in built else _nvidia_gpu()
    return None if name is None else FoundGpu(name, "cuda")


def _nvidia_gpu() -> str | None:
    """Return the name of the first GPU that NVIDIA's driver lists: ``GPU 0: NAME (UUID: ...)``."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        listed = subprocess.run(
            [program, "-L"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=_NVIDIA_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    if listed.returncode or not lines:
        return None
    return lines[0].partition(":")[2].partition("(UUID")[0].strip() or "an NVIDIA GPU"


def _short(path: Path) -> str:
    """Return a path with ``~`` for the user's home, whose name is nobody's business."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
