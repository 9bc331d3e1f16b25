"""Tables that fit the screen: no number and no word of theirs is broken.

A table that is wider than the screen breaks its texts between words. Where that is not enough,
columns are left out, which is said below it, and at last each row takes several lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, OverflowMethod, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from edgeval.system.screen import Said, line, rich_text, widest_line, widest_word, wrapped

_NARROW = 60
"""Cells of a screen on which a row takes two lines rather than lose a column."""
_MOST_LINES = 2
"""Lines that a row takes on such a screen, if leaving out columns can achieve it."""
_GAP, _INDENT = 2, 2


@dataclass(frozen=True)
class _Column:
    title: Said
    right: bool
    is_whole: bool
    leaves: int
    is_cut: bool


@dataclass
class Table:
    """A table of text, laid out when it is printed.

    Attributes:
        title: What stands above it.
    """

    title: Said | None = None
    _columns: list[_Column] = field(default_factory=list)
    _rows: list[Sequence[Said] | None] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        title: Said | None,
        columns: Iterable[Said],
        *,
        numbers: Collection[Said] = (),
        leaving: Sequence[Said] = (),
    ) -> Table:
        """Return a table without rows.

        Args:
            title: What stands above it.
            columns: The titles of its columns.
            numbers: Those of numbers: flush right and whole.
            leaving: Those that a narrow screen leaves out, the least wanted first.
        """
        made = cls(title)
        for name in columns:
            leaves = leaving.index(name) + 1 if name in leaving else 0
            is_number = name in numbers
            made.add_column(name, right=is_number, is_whole=is_number, leaves=leaves)
        return made

    def add_column(
        self,
        title: Said = "",
        *,
        right: bool = False,
        is_whole: bool = False,
        leaves: int = 0,
        is_cut: bool = False,
    ) -> None:
        """Add a column.

        Args:
            title: Its title.
            right: Whether its cells are flush right, as numbers are.
            is_whole: Whether no cell is broken, not even between words.
            leaves: As which it is left out of a table that is wider than the screen, which says so;
                0 for never.
            is_cut: Whether its cells are cut where the screen ends, instead of broken.
        """
        self._columns.append(_Column(title, right, is_whole, leaves, is_cut))

    def add_row(self, *cells: Said) -> None:
        """Add a row, a cell a column."""
        self._rows.append(cells)

    def add_section(self) -> None:
        """Draw a line below the last row."""
        self._rows.append(None)

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Yield the table of ``rich`` or lines instead, and which columns there is no room for."""
        columns = [
            _Cells.of(column, at, self._rows, options.encoding)
            for at, column in enumerate(self._columns)
        ]
        leaving = sorted((each for each in columns if each.leaves), key=lambda each: each.leaves)
        n_left, is_table = _choice(columns, leaving, options.max_width)
        gone = leaving[:n_left]
        kept = [each for each in columns if each not in gone]
        title = None if self.title is None else rich_text(self.title, options.encoding)
        if is_table:
            yield self._drawn(title, kept, options.max_width)
        else:
            yield from self._flowing(title, kept, options.max_width)
        if gone:
            names = ", ".join(each.title_line for each in columns if each in gone)
            sentence = rich_text(f"Left out of a screen this narrow: {names}.", options.encoding)
            yield from wrapped(sentence, options.max_width)

    def _drawn(self, title: Text | None, columns: Sequence[_Cells], width: int) -> RichTable:
        made = RichTable(title_justify="left", title_style="bold", header_style="bold")
        widths = _widths(columns, width) or [each.most for each in columns]
        if title is not None:
            whole = sum(widths) + _edges(len(widths))
            made.title = line(Text("\n").join(wrapped(title, whole)))
        for column, cells in zip(columns, widths, strict=True):
            justify: Literal["left", "right"] = "right" if column.right else "left"
            heading = Text("\n").join(wrapped(column.title, cells))
            made.add_column(heading, justify=justify, width=cells)
        for at, row in enumerate(self._rows):
            if row is None:
                made.add_section()
                continue
            made.add_row(
                *(each.cell(at, cells) for each, cells in zip(columns, widths, strict=True))
            )
        return made

    def _flowing(self, title: Text | None, columns: Sequence[_Cells], width: int) -> Iterator[Text]:
        """Yield each row as lines of cells, below titles that are broken in the same places."""
        lines = _lines(columns, width)
        if title is not None:
            yield from (line(part, style="bold") for part in wrapped(title, width))
        for part in _set([each.title for each in columns], columns, lines, width):
            yield line(part, style="bold")
        for at, row in enumerate(self._rows):
            if row is None:
                yield Text("")
                continue
            yield from _set([each.texts[at] for each in columns], columns, lines, width)


@dataclass(frozen=True, eq=False)
class _Cells:
    """A column's cells as ``rich`` has them.

    Attributes:
        title: Its title.
        texts: A text a row, an empty one for a section.
        right: Whether it is flush right.
        leaves: As which it is left out.
        is_cut: Whether its cells are cut.
        least: Cells that it needs at least; its title and its words stay whole.
        most: Cells that it takes at most.
    """

    title: Text
    texts: list[Text]
    right: bool
    leaves: int
    is_cut: bool
    least: int
    most: int

    @classmethod
    def of(
        cls, column: _Column, at: int, rows: Iterable[Sequence[Said] | None], encoding: str
    ) -> _Cells:
        """Return what a table's rows have at a place."""
        title = rich_text(column.title, encoding)
        texts = [
            rich_text(row[at] if row is not None and at < len(row) else "", encoding)
            for row in rows
        ]
        least = widest_word([title])
        if column.is_whole:
            least = max(least, widest_line(texts))
        elif not column.is_cut:
            least = max(least, widest_word(texts))
        most = max(least, widest_line([title, *texts]))
        return cls(title, texts, column.right, column.leaves, column.is_cut, least, most)

    @property
    def title_line(self) -> str:
        """Its title on one line."""
        return _on_one_line(self.title).plain

    @property
    def flowing(self) -> int:
        """Cells that it takes where nothing of it is broken, and lines are joined."""
        return max(map(_line_width, [self.title, *self.texts]))

    def cell(self, at: int, width: int) -> Text:
        """Return a row's cell for a column of a width."""
        text = self.texts[at]
        if not self.is_cut:
            text = Text("\n").join(wrapped(text, width))
        # What is to be ignored where it is too wide would not be flush right.
        overflow: OverflowMethod = "ellipsis" if self.is_cut else "crop"
        return Text.assemble(text, no_wrap=True, overflow=overflow)


def _choice(columns: Sequence[_Cells], leaving: Sequence[_Cells], width: int) -> tuple[int, bool]:
    """Return how many columns are left out, and whether the rest is a table, not lines."""

    def kept(n_left: int) -> list[_Cells]:
        return [each for each in columns if each not in leaving[:n_left]]

    tries = 1 if width < _NARROW else len(leaving) + 1
    for n_left in range(tries):
        if _widths(kept(n_left), width) is not None:
            return n_left, True
    for n_left in range(len(leaving) + 1):
        if len(_lines(kept(n_left), width)) <= _MOST_LINES:
            return n_left, False
    return len(leaving), False


def _widths(columns: Sequence[_Cells], width: int) -> list[int] | None:
    """Return each column's cells in a table; None if words or numbers would be broken."""
    room = width - _edges(len(columns))
    widths = [each.most for each in columns]
    while sum(widths) > room:
        spare = [at for at, each in enumerate(columns) if widths[at] > each.least]
        if not spare:
            return None
        widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _edges(n_columns: int) -> int:
    """Return the cells that a table's lines take, and the spaces beside them."""
    return 3 * n_columns + 1


def _lines(columns: Sequence[_Cells], width: int) -> list[list[int]]:
    """Return which columns stand on which line of a row, by their places."""
    lines: list[list[int]] = [[]]
    used = 0
    for at, each in enumerate(columns):
        if lines[-1] and used + _GAP + each.flowing > width:
            lines.append([])
        used = (used + _GAP if lines[-1] else _INDENT * (len(lines) > 1)) + each.flowing
        lines[-1].append(at)
    return lines


def _set(
    cells: Sequence[Text], columns: Sequence[_Cells], lines: Sequence[Sequence[int]], width: int
) -> Iterator[Text]:
    """Yield a row's lines; a cell that has no room on one is broken between words."""
    for number, places in enumerate(lines):
        indent = " " * (_INDENT if number else 0)
        text = line(indent)
        for place in places:
            cell = _on_one_line(cells[place])
            gap = columns[place].flowing - cell_len(cell.plain)
            before, after = (gap, 0) if columns[place].right else (0, gap)
            text.append(" " * before)
            text.append_text(cell)
            text.append(" " * (after + _GAP))
        text.rstrip()
        if not text:
            continue  # What heads a section has one cell.
        if len(places) > 1 or cell_len(text.plain) <= width:
            yield text
            continue
        (place,) = places
        parts = wrapped(_on_one_line(cells[place]), width - 2 * _INDENT)
        for at, part in enumerate(parts):
            yield line(indent + " " * (_INDENT if at else 0), part)


def _on_one_line(text: Text) -> Text:
    """Return a text's lines behind each other, with a space unless a slash ends one."""
    joined = Text()
    for part in text.split("\n"):
        if joined and not joined.plain.endswith("/"):
            joined.append(" ")
        joined.append_text(part)
    return joined


def _line_width(text: Text) -> int:
    return cell_len(_on_one_line(text).plain)
