"""Board: what a run has told so far, for who asks from another thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from edgeval.report.live.part_state import PartState
from edgeval.scoring.observer import Part
from edgeval.system.escapes import cut, visible
from edgeval.system.progress import Progress, Task, Unit, clock
from edgeval.tasks.item import ItemScore

_MOST_LINES: Final = 8
_MOST_CHARS: Final = 300
_MOST_PARTS: Final = 500


class Board:
    """Takes what a run tells, and keeps the newest of it.

    The run's thread only counts: it waits for nobody who looks.
    """

    def __init__(self, time_s: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing told.

        Args:
            time_s: A clock that never goes back.
        """
        self._time_s = time_s
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._version = 0
        self._parts: dict[Part, PartState] = {}
        self._work: list[_Work] = []
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._end = ""

    def expect(self, parts: Sequence[Part]) -> None:
        """Take the parts of the run, in the order of their files."""
        with self._lock:
            for part in parts[:_MOST_PARTS]:
                self._part(part)
        self._changed()

    def begin(
        self, part: Part, reference: Mapping[int, ItemScore] | None, *, is_drawn: bool
    ) -> PartState:
        """Return who counts a part; see ``Observer``."""
        with self._lock:
            state = self._part(part)
        state.begin(reference, is_drawn=is_drawn)
        return state

    def log(self, line: str) -> None:
        """Keep a line that the run says."""
        with self._lock:
            self._lines.append(visible(cut(line, _MOST_CHARS)))
        self._changed()

    @contextmanager
    def work(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Show a piece of work until the context ends."""
        work = _Work(description, total, unit, self._time_s, self._changed)
        with self._lock:
            self._work.append(work)
        self._changed()
        try:
            yield work
        finally:
            with self._lock:
                self._work.remove(work)
            self._changed()

    def end(self, sentence: str) -> None:
        """Keep how the run ended; nothing changes behind that."""
        with self._lock:
            self._end = self._end or visible(cut(sentence, _MOST_CHARS))
        self._changed()

    @property
    def has_ended(self) -> bool:
        """Whether it was told how the run ended."""
        return bool(self._end)

    def wait(self, seen: int, timeout_s: float) -> int:
        """Return the number of the newest state, when it is another than the one that was seen.

        Args:
            seen: The number of the state that was seen.
            timeout_s: Longest wait for another one, in seconds.
        """
        with self._news:
            self._news.wait_for(lambda: self._version != seen, timeout_s)
            return self._version

    def state(self) -> dict[str, Any]:
        """Return what the page shows, as JSON has it."""
        with self._lock:
            return {
                "rows": [part.row() for part in self._parts.values()],
                "work": [work.shown() for work in self._work],
                "lines": list(self._lines),
                "end": self._end,
            }

    def _part(self, part: Part) -> PartState:
        if part not in self._parts:
            self._parts[part] = PartState(part, self._lock, self._changed)
        return self._parts[part]

    def _changed(self) -> None:
        with self._news:
            self._version += 1
            self._news.notify_all()


class WatchedProgress:
    """Progress that a board is told of, too."""

    def __init__(self, progress: Progress, board: Board) -> None:
        """Take both.

        Args:
            progress: Where progress is shown.
            board: What is told of it.
        """
        self._progress, self._board = progress, board

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Open a task on both."""
        with (
            self._progress.task(description, total, unit) as shown,
            self._board.work(description, total, unit) as told,
        ):
            yield _Both(shown, told)

    def log(self, message: str) -> None:
        """Say a line on both."""
        self._progress.log(message)
        self._board.log(message)


class _Both:
    def __init__(self, first: Task, second: Task) -> None:
        self._tasks = first, second

    def advance(self, amount: float, note: str = "") -> None:
        for task in self._tasks:
            task.advance(amount, note)

    def skip(self, amount: float) -> None:
        for task in self._tasks:
            task.skip(amount)

    def resize(self, total: float) -> None:
        for task in self._tasks:
            task.resize(total)


class _Work:
    """A piece of work under way."""

    def __init__(
        self,
        description: str,
        total: float | None,
        unit: Unit,
        time_s: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._time_s, self._changed = time_s, changed
        self._began_s, self._done, self._skipped, self._note = time_s(), 0.0, 0.0, ""

    def advance(self, amount: float, note: str = "") -> None:
        self._done += amount
        self._note = note or self._note
        self._changed()

    def skip(self, amount: float) -> None:
        self._done += amount
        self._skipped += amount
        self._changed()

    def resize(self, total: float) -> None:
        self._total = total
        self._changed()

    def shown(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        total, done = self._total, self._done
        elapsed_s, fresh = self._time_s() - self._began_s, done - self._skipped
        left = ""
        if total is not None and fresh > 0 and elapsed_s > 0 and done < total:
            left = f"{clock((total - done) * elapsed_s / fresh)} left"
        return {
            "name": visible(cut(self._description, _MOST_CHARS)),
            "amount": _amount(done, total, self._unit),
            "share": done / total if total else None,
            "notes": [each for each in (left, visible(cut(self._note, _MOST_CHARS))) if each],
        }


def _amount(done: float, total: float | None, unit: Unit) -> str:
    scale, name = (1e6, "MB") if unit == "bytes" else (1.0, unit)
    decimals = 1 if unit == "bytes" else 0
    of = "" if not total else f" of {total / scale:,.{decimals}f}"
    return f"{done / scale:,.{decimals}f}{of} {name}"
