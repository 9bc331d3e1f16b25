"""Listings: names with their values, and lines in a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.text import Text

from edgeval.system.screen import (
    Said,
    Styled,
    line,
    rich_text,
    widest_line,
    widest_word,
    wrapped,
)

_GAP, _INDENT = 2, 2


@dataclass(frozen=True)
class Listing:
    """Names in bold with their values beside them.

    Attributes:
        rows: The value of each name.
        least: Cells that the names take at the least, so that two listings can be one.
    """

    rows: Mapping[str, Said]
    least: int = 0

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Yield the lines; a value whose words have no room beside its name stands below it."""
        width = options.max_width
        names = {name: rich_text(Styled(name, "bold"), options.encoding) for name in self.rows}
        beside = max((cell_len(name.plain) for name in names.values()), default=0)
        beside = max(beside, self.least) + _GAP
        for key, value in self.rows.items():
            name, text = names[key], rich_text(value, options.encoding)
            if beside + widest_word([text]) > width and beside + widest_line([text]) > width:
                yield line(name)
                yield from (line(" " * _INDENT, part) for part in wrapped(text, width - _INDENT))
                continue
            for at, part in enumerate(wrapped(text, width - beside)):
                lead = Text() if at else name
                yield line(lead, " " * (beside - cell_len(lead.plain)), part)


@dataclass(frozen=True)
class Frame:
    """Lines in a frame.

    Attributes:
        title: What stands in the frame's upper edge.
        lines: The lines.
    """

    title: Said
    lines: Said

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        """Yield the panel of ``rich``."""
        lines, title = (rich_text(each, options.encoding) for each in (self.lines, self.title))
        inside = options.max_width - 4
        yield Panel(Text("\n").join(wrapped(lines, inside)), title=title, title_align="left")
