"""The terminal: results on stdout, everything else on stderr, bars only where someone looks.

All text is shown as it is: nothing in it is markup, a line break or a control character, and what
the terminal's encoding lacks is written in ASCII. Only here is ``rich`` used for that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, Literal, Union

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
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
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from edgeval.system.escapes import fitting, json_in_ascii, visible
from edgeval.system.progress import Task, Unit

_PLAIN_WIDTH = 160
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Styled:
    """Text in a style of ``rich``, for example ``bold red``."""

    text: str
    style: str


@dataclass(frozen=True)
class Lines:
    """Texts one below another."""

    texts: tuple[str, ...]

    def __init__(self, *texts: str) -> None:
        """Keep those that are not empty."""
        object.__setattr__(self, "texts", tuple(text for text in texts if text))


Said = Union[str, Styled, Lines, "Sequence[Said]"]
"""What is printed: text; several texts of a sequence follow each other."""


class Console(RichConsole):
    """A console that shows text as it is."""

    def print(self, *content: Any, **options: Any) -> None:
        """Print texts (``Said``), and what this module makes of them.

        Args:
            content: What is printed, with a space between.
            options: Those of ``rich``, for example ``style`` and ``soft_wrap``.
        """
        options |= {"markup": False, "emoji": False, "highlight": False}
        super().print(*(self._shown(each) for each in content), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield segments; an ellipsis that ``rich`` cut with is dots where there is none."""
        for segment in super().render(renderable, options):
            if _ELLIPSIS in segment.text and fitting(_ELLIPSIS, self.encoding) != _ELLIPSIS:
                text = re.sub(
                    f".?.?{_ELLIPSIS}", lambda found: "..."[: len(found[0])], segment.text
                )
                yield Segment(text, segment.style, segment.control)
            else:
                yield segment

    def _shown(self, content: Any) -> Any:
        if isinstance(content, (str, Styled, Lines, list, tuple)):
            return _text(content, self.encoding)
        if isinstance(content, Text):  # Of a library, through rich's own streams.
            lines = content.plain.split("\n")
            return content if lines == [visible(line) for line in lines] else _text(Lines(*lines))
        return content


@dataclass(frozen=True)
class _Column:
    title: Said
    right: bool
    leaves: int
    options: dict[str, Any]


@dataclass
class Table:
    """A table of text, which becomes one of ``rich`` when it is printed.

    Attributes:
        title: What stands above it.
        is_grid: Whether it has neither lines nor titles.
    """

    title: Said | None = None
    is_grid: bool = False
    _columns: list[_Column] = field(default_factory=list)
    _rows: list[Sequence[Said] | None] = field(default_factory=list)

    def add_column(
        self, title: Said = "", *, right: bool = False, leaves: int = 0, **options: Any
    ) -> None:
        """Add a column.

        Args:
            title: Its title.
            right: Whether it is flush right, as numbers are.
            leaves: As which it is left out of a table that is wider than the screen, which says so;
                0 for never.
            options: Those of ``rich``'s columns, for example ``no_wrap``.
        """
        self._columns.append(_Column(title, right, leaves, options))

    def add_row(self, *cells: Said) -> None:
        """Add a row, a cell a column."""
        self._rows.append(cells)

    def add_section(self) -> None:
        """Draw a line below the last row."""
        self._rows.append(None)

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Yield the table of ``rich``, and which columns the screen is too narrow for."""
        leaving = sorted(
            (column.leaves, at) for at, column in enumerate(self._columns) if column.leaves
        )
        gone: list[int] = []
        made = self._made(options.encoding)
        wide = options.update(width=_PLAIN_WIDTH)
        while leaving and Measurement.get(console, wide, made).maximum > options.max_width:
            gone.append(leaving.pop(0)[1])
            made = self._without(gone)._made(options.encoding)
        yield made
        if gone:
            titles = (_text(self._columns[at].title, options.encoding).plain for at in sorted(gone))
            names = ", ".join(title.replace("\n", "") for title in titles)
            yield _text(f"Left out of a screen this narrow: {names}.", options.encoding)

    def _without(self, gone: Collection[int]) -> Table:
        """Return the table without some of its columns, by their places."""

        def kept(row: Sequence[Any]) -> list[Any]:
            return [each for at, each in enumerate(row) if at not in gone]

        rows: list[Sequence[Said] | None] = [row and kept(row) for row in self._rows]
        return Table(self.title, self.is_grid, kept(self._columns), rows)

    def _made(self, encoding: str) -> RichTable:
        title = None if self.title is None else _text(self.title, encoding)
        if self.is_grid:
            made = RichTable.grid(padding=(0, 2, 0, 0))
        else:
            made = RichTable(
                title=title, title_justify="left", title_style="bold", header_style="bold"
            )
        for column in self._columns:
            justify: Literal["left", "right"] = "right" if column.right else "left"
            made.add_column(_text(column.title, encoding), justify=justify, **column.options)
        overflows = [column.options.get("overflow") for column in self._columns]
        for row in self._rows:
            if row is None:
                made.add_section()
                continue
            cells = [_text(cell, encoding) for cell in row]
            for cell, overflow in zip(cells, overflows, strict=False):
                if overflow == "ellipsis":
                    # Of the text, not of the column: that one is to become narrower than others.
                    cell.no_wrap, cell.overflow = True, overflow
            made.add_row(*cells)
        return made


@dataclass(frozen=True)
class Frame:
    """A table in a frame, with lines below it.

    Attributes:
        title: What stands in the frame's upper edge.
        table: The table.
        notes: The lines.
    """

    title: Said
    table: Table
    notes: Lines

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Yield the panel of ``rich``."""
        notes, title = (_text(each, options.encoding) for each in (self.notes, self.title))
        yield Panel(Group(self.table, "", notes), title=title, title_align="left")


def stderr_console(file: IO[str] | None = None) -> Console:
    """Return the console for progress, messages and errors."""
    return Console(stderr=True, file=file, highlight=False)


def stdout_console() -> Console:
    """Return the console for results; where stdout is no terminal, lines are not cut at 80."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def say(text: object) -> None:
    """Print a line on stdout, as long as it is: a path that was written, for example."""
    stdout_console().print(str(text), soft_wrap=True)


def print_json(text: str) -> None:
    """Print a JSON text on stdout, in ASCII: whoever reads it takes it for UTF-8."""
    sys.stdout.write(json_in_ascii(text) + "\n")
    sys.stdout.flush()


def listing(rows: Mapping[str, Said]) -> Table:
    """Return names in bold with their values beside them."""
    grid = Table(is_grid=True)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(name, value)
    return grid


def _text(said: Said, encoding: str = "utf-8") -> Text:
    """Return the only kind of text that is printed."""
    if isinstance(said, str):
        return Text(fitting(visible(said), encoding))
    if isinstance(said, Styled):
        return Text(fitting(visible(said.text), encoding), style=said.style)
    if isinstance(said, Lines):
        return Text("\n").join(_text(each, encoding) for each in said.texts)
    return Text.assemble(*(_text(each, encoding) for each in said))


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
            self._progress.update(self._task, note=_beside(note, self._progress))

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
        # Older versions of rich end with an empty line where there were no bars.
        if self._progress.disable:
            return
        # A terminal that was closed shows nothing any more.
        with suppress(OSError):
            self._progress.stop()

    @contextmanager
    def task(self, description: str, total: float | None, unit: Unit) -> Iterator[Task]:
        """Show a bar until the context ends."""
        shown = _beside(description, self._progress)
        task = self._progress.add_task(shown, total=total, unit=unit, note="")
        yield _Bar(self._progress, task)
        self._progress.stop_task(task)

    def log(self, message: str) -> None:
        """Show one line that stays, above the bars."""
        # What cannot be shown, since nobody can see it, stops no computation.
        with suppress(OSError):
            self._console.print(message, soft_wrap=True)


def _beside(text: str, progress: Progress) -> str:
    """Return what stands beside a bar."""
    return fitting(visible(text), progress.console.encoding)
