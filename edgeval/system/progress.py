"""Progress of long work, told to whoever watches: in a terminal, in a notebook, or nobody."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Literal, Protocol

Unit = Literal["bytes", "chunks", "items", "seconds", "tensors", "tests"]

_LEAST_GAP_S: Final = 10.0
_GAP_SHARE: Final = 0.02


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, amount: float, note: str = "") -> None:
        """Report ``amount`` more units done; ``note`` replaces the text beside the bar."""

    def skip(self, amount: float) -> None:
        """Report ``amount`` units that were done before: they tell nothing of the speed."""

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

    def skip(self, amount: float) -> None:
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


def clock(seconds: float) -> str:
    """Return a time as progress shows it: ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


class Pace:
    """How often a log gets a line: every ten seconds, later every two per cent of the time so far.

    The first ten minutes have some 50 lines, an hour has 150, and two days have 350.
    """

    def __init__(self, time_s: Callable[[], float]) -> None:
        """Begin now.

        Args:
            time_s: A clock that never goes back.
        """
        self._time_s, self._began_s = time_s, time_s()
        self._said_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return self._time_s() - self._began_s

    def is_due(self) -> bool:
        """Return whether a line is due; if so, it counts as said."""
        now_s = self.elapsed_s
        if now_s - self._said_s < max(_LEAST_GAP_S, _GAP_SHARE * now_s):
            return False
        self._said_s = now_s
        return True
