"""Cache as ``edgeval cache --json`` prints it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from edgeval.records import Record


class CachedFile(Record):
    """A GGUF of a ladder that is kept.

    Attributes:
        file: Its name.
        path: Where it is.
        n_bytes: What it takes on the disk.
        used_at: When it was last made or taken.
    """

    file: str
    path: Path
    n_bytes: int
    used_at: datetime


class CacheContents(Record):
    """What is in the cache folder.

    Attributes:
        folder: The folder.
        files: The GGUFs, those used last first.
        n_notes: Remembered hashes of large files, and trials of the CPU's kernels.
        n_note_bytes: What they take.
        left: Temporary files and folders of runs that were killed, with their bytes; the next run
            removes them.
    """

    folder: Path
    files: list[CachedFile]
    n_notes: int
    n_note_bytes: int
    left: dict[str, int]

    @property
    def n_bytes(self) -> int:
        """What all of it takes."""
        return (
            sum(each.n_bytes for each in self.files) + self.n_note_bytes + sum(self.left.values())
        )


class Pruned(Record):
    """What was removed from the cache folder.

    Attributes:
        files: Names of GGUFs.
        kept: Names of those that another process makes now.
        n_bytes: What the removed ones took.
    """

    files: list[str]
    kept: list[str]
    n_bytes: int
