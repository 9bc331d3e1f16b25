"""Rows of a store."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any


def rows_of(db: Path) -> dict[str, list[Any]]:
    """Return what a store holds, without its numbers and times."""
    with contextlib.closing(sqlite3.connect(db)) as connection:
        return {
            "measurement": connection.execute("SELECT key, file, data FROM measurement").fetchall(),
            "plan": connection.execute(
                "SELECT facts, device, items, tokens_decoded, elapsed_s FROM plan"
            ).fetchall(),
            "score": connection.execute("SELECT item, score, checksum FROM score").fetchall(),
        }
