"""Response cache of lm-evaluation-harness, in which each file's answers have a table of their own.

The harness finds an answer by the request alone, and keeps the answers of all models that a path of
``--use_cache`` was named for in one table (its issues 4063 and 2715).
"""

from __future__ import annotations

import sqlite3
from typing import Any

from edgeval.errors import EdgevalError


def bind(answers: Any, identity: str) -> None:
    """Let a cache know only answers of one model, computed in one way.

    Args:
        answers: The harness's ``SqliteDict``, which the cache and its hook share.
        identity: Hash of all that could change an answer.

    Raises:
        EdgevalError: If it cannot be bound.
    """
    try:
        answers.tablename = f"edgeval {identity}"
        answers.conn.execute(
            f'CREATE TABLE IF NOT EXISTS "{answers.tablename}" (key TEXT PRIMARY KEY, value BLOB)'
        )
        answers.conn.commit()
        len(answers)
    except (AttributeError, TypeError, sqlite3.Error) as error:
        raise EdgevalError(
            f"the cache cannot be kept apart by file ({error}); leave out --use_cache, or name "
            "another file there"
        ) from error
