"""Files of pages: those that a command writes to a folder that ``--out`` names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeval.errors import EdgevalError


def require_new(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder that has such pages already.

    Args:
        folder: The folder; it need not be there.
        names: What the pages are called.

    Raises:
        EdgevalError: If it has one.
    """
    for name in names:
        if (folder / name).exists():
            raise EdgevalError(
                f"{folder / name} exists already; name another folder, or add --overwrite"
            )
