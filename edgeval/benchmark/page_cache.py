"""Page cache: files that the system is asked to forget, so that they are read from the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


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
