"""Links of a checkpoint, and where they may lead.

Text of a checkpoint goes into the GGUF as it is, and a checkpoint may come from anybody: a link in
it must not take another file of the reader's along.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgeval.errors import CheckpointError

_BLOBS, _SNAPSHOTS = "blobs", "snapshots"


def require_own(directory: Path, path: Path) -> None:
    """Refuse a file of a checkpoint that is a link to somewhere else.

    It may lead to a file in the checkpoint's folder, or, in a cache of the hub, to the ``blobs`` of
    the same repository.

    Args:
        directory: The checkpoint.
        path: The file, which need not be there.

    Raises:
        CheckpointError: If it leads elsewhere.
    """
    if not leads_outside(directory, path):
        return
    raise CheckpointError(
        f"{path} is a link out of the checkpoint, to {os.path.realpath(path)}, and its text would "
        "go into the GGUF; put the file itself there if it belongs to the model, or name the "
        "folder that it is in"
    )


def leads_outside(directory: Path, path: Path) -> bool:
    """Return whether a file of a checkpoint is not its own; see ``require_own``."""
    try:
        inside, target = directory.resolve(), path.resolve()
        path.stat()  # Newer versions of Python resolve a link that leads to itself.
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError):
        return True
    if target.is_relative_to(inside):
        return False
    return not any(
        parent.name == _SNAPSHOTS and target.parent == parent.with_name(_BLOBS)
        for parent in inside.parents
    )
