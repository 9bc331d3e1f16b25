"""Logged progress: what takes long is a line in the log of another tool."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from edgeval.system.progress import NoProgress, Task, Unit


class LoggedProgress:
    """Says what is begun in a log, and shows no bars: another tool has its own."""

    def __init__(self, log: logging.Logger) -> None:
        """Take a log.

        Args:
            log: Where lines go to.
        """
        self._log = log

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Say what is begun."""
        self._log.info("%s", description)
        with NoProgress().task(description, total, unit) as task:
            yield task

    def log(self, message: str) -> None:
        """Say a message."""
        self._log.info("%s", message)
