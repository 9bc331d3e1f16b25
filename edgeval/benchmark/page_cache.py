"""Page cache: files that the system is asked to forget, so that they are read from the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_BLOCK_BYTES = 4 << 20


def forget(paths: Iterable[Path]) -> bool:
    """Ask the system to drop files from its memory; return whether it can be asked.

    A file system that is memory itself, or pages that others have mapped, stay.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            # Pages that are not on the disk yet cannot be dropped.
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    return True


def remember(paths: Iterable[Path]) -> None:
    """Have the system keep files in its memory as it does what was read from beginning to end.

    What comes there since it was mapped and touched lies in smaller pages: a mapped model was 0.95
    times as fast then.
    """
    block = bytearray(_BLOCK_BYTES)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass
