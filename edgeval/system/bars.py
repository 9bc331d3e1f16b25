"""Bars of progress where someone looks, and now and then a line of it in a pipe or a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text

from edgeval.system.escapes import fitting, visible
from edgeval.system.progress import Pace, Task, Unit, clock
from edgeval.system.screen import Console

_LEAST_WIDTHS = {"bar": 100, "elapsed": 84, "rate": 72, "note": 56}
"""Cells of a screen below which a part of a line of progress is left out."""


class TerminalProgress:
    """Progress on a console: bars on a terminal, anywhere else lines now and then."""

    def __init__(self, console: Console) -> None:
        """Choose what a console can show."""
        self._console = console
        has_bars = console.is_terminal and not console.is_dumb_terminal
        self._progress = _bars(console) if has_bars else None
        self._pace = Pace(console.get_time)

    def __enter__(self) -> TerminalProgress:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A terminal that was closed shows nothing any more.
        with suppress(OSError):
            if self._progress is not None:
                self._progress.stop()

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Show a bar, or lines, until the context ends."""
        if self._progress is None:
            line = _Line(self.log, self._pace, description, total, unit)
            yield line
            line.end()
            return
        shown = _beside(description, self._progress)
        task = self._progress.add_task(shown, total=total, unit=unit, note="")
        yield _Bar(self._progress, task)
        self._progress.stop_task(task)

    def ask(self, question: str) -> str:
        """Return the line that is typed after a question; no bar is drawn meanwhile."""
        if self._progress is not None:
            self._progress.stop()
        try:
            self._console.print(question, end=" ")
            return sys.stdin.readline()
        finally:
            if self._progress is not None:
                self._progress.start()

    def log(self, message: str) -> None:
        """Show one line that stays, above the bars."""
        # What cannot be shown, since nobody can see it, stops no computation.
        with suppress(OSError):
            self._console.print(message)


def _bars(console: Console) -> Progress:
    columns: dict[str, ProgressColumn] = {
        "spinner": SpinnerColumn(finished_text=" "),
        "description": TextColumn("{task.description}", markup=False),
        "bar": BarColumn(bar_width=24),
        "amount": _Amount(),
        "rate": _Rate(),
        "elapsed": TimeElapsedColumn(),
        "remaining": TimeRemainingColumn(),
        "note": TextColumn("{task.fields[note]}", markup=False),
    }
    width = console.width
    shown = (part for name, part in columns.items() if width >= _LEAST_WIDTHS.get(name, 0))
    return Progress(*shown, console=console)


class _Amount(ProgressColumn):
    """``3.1/15.4 MB`` for bytes, ``120/1000`` for anything counted."""

    def __init__(self) -> None:
        super().__init__()
        self._count = MofNCompleteColumn()

    def render(self, task: RichTask) -> Text:
        if task.fields["unit"] != "bytes":
            return self._count.render(task)
        total = "?" if task.total is None else f"{task.total / 1e6:,.1f}"
        return Text(f"{task.completed / 1e6:,.1f}/{total} MB", style="progress.download")


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        if speed is None:
            return Text("")
        if task.fields["unit"] == "bytes":
            return Text(f"{speed / 1e6:,.1f} MB/s", style="progress.data.speed")
        return Text(f"{speed:,.1f} {task.fields['unit']}/s", style="progress.data.speed")


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._skipped = 0.0

    def advance(self, amount: float, note: str = "") -> None:
        self._progress.advance(self._task, amount)
        if note:
            self._progress.update(self._task, note=_beside(note, self._progress))

    def skip(self, amount: float) -> None:
        done = self._progress.tasks[self._progress.task_ids.index(self._task)].completed
        if done == self._skipped:
            self._skipped += amount
            # Its speed is that of what comes now.
            self._progress.reset(self._task, completed=round(self._skipped))
        else:
            self._progress.advance(self._task, amount)

    def resize(self, total: float) -> None:
        self._progress.update(self._task, total=total)


class _Line:
    """A task that says a line when its pace lets it, and at its end."""

    def __init__(
        self,
        log: Callable[[str], None],
        pace: Pace,
        description: str,
        total: float | None,
        unit: Unit,
    ) -> None:
        self._log, self._pace = log, pace
        self._description, self._total, self._unit = description, total, unit
        self._done, self._skipped, self._note, self._said = 0.0, 0.0, "", -1.0
        self._began_s = pace.elapsed_s

    def advance(self, amount: float, note: str = "") -> None:
        self._done += amount
        self._note = note or self._note
        if self._pace.is_due():
            self._say()

    def skip(self, amount: float) -> None:
        self._done += amount
        self._skipped += amount

    def resize(self, total: float) -> None:
        self._total = total

    def end(self) -> None:
        """Say how far it came, if it took a second and that was not said."""
        if self._done != self._said and self._pace.elapsed_s - self._began_s >= 1:
            self._say()

    def _say(self) -> None:
        self._said = self._done
        elapsed_s = self._pace.elapsed_s - self._began_s
        rate = (self._done - self._skipped) / elapsed_s if elapsed_s > 0 else 0.0
        parts = [self._amount()]
        if rate > 0:
            parts.append(f"{rate / self._scale:,.1f} {self._unit_name}/s")
            if self._total is not None and self._done < self._total:
                parts.append(f"{clock((self._total - self._done) / rate)} left")
        self._log(f"{self._description}: {', '.join(filter(None, [*parts, self._note]))}")

    def _amount(self) -> str:
        done, unit = self._number(self._done), self._unit_name
        if not self._total:
            return f"{done} {unit}"
        return f"{done} of {self._number(self._total)} {unit} ({self._done / self._total:.0%})"

    @property
    def _scale(self) -> float:
        return 1e6 if self._unit == "bytes" else 1

    @property
    def _unit_name(self) -> str:
        return "MB" if self._unit == "bytes" else self._unit

    def _number(self, amount: float) -> str:
        return f"{amount / 1e6:,.1f}" if self._unit == "bytes" else f"{amount:,.0f}"


def _beside(text: str, progress: Progress) -> str:
    """Return what stands beside a bar."""
    return fitting(visible(text), progress.console.encoding)
