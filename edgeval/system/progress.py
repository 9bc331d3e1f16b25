"""Progress of long work, told to whoever watches: in a terminal, in a notebook, or nobody."""

from __future__ import annotations

import sys
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
    """Shows nothing."""

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Yield a task that ignores what it is told."""
        yield _Silent()

    def log(self, message: str) -> None:
        """Ignore the message."""


ProgressOption = Progress | Literal["auto"] | None
"""What public functions take: ``auto`` for bars where someone watches, in a terminal or a notebook;
None for silence; or what shows progress in another way."""


def progress_of(option: ProgressOption) -> Progress:
    """Return what shows progress; what nobody may need is not loaded."""
    if option is None:
        return NoProgress()
    if option != "auto":
        return option
    if _is_notebook():
        from edgeval.system.notebook import NotebookProgress

        return NotebookProgress()
    # Without a terminal of its own, as under pythonw, a program has no stderr at all.
    if sys.stderr is not None and sys.stderr.isatty():
        from edgeval.system.bars_on_demand import BarsOnDemand

        return BarsOnDemand()
    return NoProgress()


def _is_notebook() -> bool:
    """Return whether a kernel runs this: IPython is loaded then, and its shell has that kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
