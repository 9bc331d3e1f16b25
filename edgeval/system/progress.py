"""Progress of long work, told to whoever watches: rich bars on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

Unit = Literal["bytes", "chunks", "items", "tensors"]


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, amount: float, note: str = "") -> None:
        """Report ``amount`` more units done; ``note`` replaces the text beside the bar."""

    def resize(self, total: float) -> None:
        """Correct the total, in units, once it is known."""


class Progress(Protocol):
    """Where progress is shown."""

    def task(
        self, description: str, total: float | None, unit: Unit
    ) -> AbstractContextManager[Task]:
        """Open a task of ``total`` units (None: not known yet); it ends with the context."""

    def log(self, message: str) -> None:
        """Show one line that stays."""


class _Silent:
    """A task nobody watches."""

    def advance(self, amount: float, note: str = "") -> None:
        pass

    def resize(self, total: float) -> None:
        pass


class NoProgress:
    """Shows nothing; the default of every public function."""

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Yield a task that ignores what it is told."""
        yield _Silent()

    def log(self, message: str) -> None:
        """Ignore the message."""
