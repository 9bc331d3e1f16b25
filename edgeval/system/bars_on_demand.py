"""Bars on demand: progress of functions that commands do not call, shown where it can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgeval.system.bars import TerminalProgress
from edgeval.system.console import stderr_console
from edgeval.system.progress import Task, Unit


class BarsOnDemand:
    """Bars of a terminal that begin with the first task under way and end with the last.

    A function that shows them has nothing to end: a terminal belongs to its caller between tasks.
    """

    def __init__(self) -> None:
        self._console = stderr_console()
        self._shown: TerminalProgress | None = None

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Show a bar until the context ends."""
        if self._shown is not None:
            with self._shown.task(description, total, unit) as task:
                yield task
            return
        try:
            with (
                TerminalProgress(self._console) as self._shown,
                self._shown.task(description, total, unit) as task,
            ):
                yield task
        finally:
            self._shown = None

    def log(self, message: str) -> None:
        """Show one line that stays, above the bars."""
        (self._shown or TerminalProgress(self._console)).log(message)
