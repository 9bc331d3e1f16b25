"""The terminal: results on stdout, everything else on stderr, bars only where someone looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

from rich.console import Console
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
from rich.progress import (
    Task as RichTask,
)
from rich.table import Table
from rich.text import Text

from edgeval.progress import Task, Unit

_PLAIN_WIDTH = 160


def stderr_console(file: IO[str] | None = None) -> Console:
    """Return the console for progress, messages and errors."""
    return Console(stderr=True, file=file, highlight=False)


def stdout_console() -> Console:
    """Return the console for results; where stdout is no terminal, lines are not cut at 80."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def shown(value: str) -> Text:
    """Return text of a file without what would move a terminal's cursor, and without markup."""
    return Text("".join(char if char.isprintable() else ascii(char)[1:-1] for char in value))


def listing(rows: Mapping[str, str]) -> Table:
    """Return names in bold with their values beside them, for the terminal."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(name, shown(value))
    return grid


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

    def advance(self, amount: float, note: str = "") -> None:
        self._progress.advance(self._task, amount)
        if note:
            self._progress.update(self._task, note=note)

    def resize(self, total: float) -> None:
        self._progress.update(self._task, total=total)


class TerminalProgress:
    """Rich bars on a terminal; on anything else only the lines of ``log``."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Amount(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> TerminalProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A terminal that was closed shows nothing any more.
        with suppress(OSError):
            self._progress.stop()

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Show a bar until the context ends."""
        task = self._progress.add_task(description, total=total, unit=unit, note="")
        yield _Bar(self._progress, task)
        self._progress.stop_task(task)

    def log(self, message: str) -> None:
        """Show one line that stays, above the bars."""
        self._console.print(message, markup=False, emoji=False, soft_wrap=True)
