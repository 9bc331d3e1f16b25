"""Screen: a console that shows text as it is, and breaks lines between words only.

Nothing in a text is markup, a line break or a control character, and what the terminal's encoding
lacks is written in ASCII. Only this module, ``tables``, ``listings`` and ``bars`` use ``rich``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Union

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from edgeval.system.escapes import fitting, visible

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_WORD = re.compile(r"(?:\[[^][ ]+, [^][ ]+\]|(?<=\d) (?=%)|[^ ])+")
"""An interval is one, and a number with its per cent sign."""
_COMMAND = re.compile(r"(?<=: )(?:CC=|CMAKE_ARGS=|\$env:|pip install ).*$")


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
        """Print one text (``Said``), or what ``tables`` makes of several.

        A text is a paragraph: a screen breaks it between words, a file gets it as one line. A
        command at its end, which is to be copied, is one line on a screen, too.

        Args:
            content: What is printed, with a space between.
            options: Those of ``rich``, for example ``style``.
        """
        options |= {"markup": False, "emoji": False, "highlight": False}
        shown = [self._shown(each) for each in content]
        if len(shown) == 1 and isinstance(shown[0], Text):
            if self.is_terminal:
                shown = [Text("\n").join(_paragraph(shown[0], self.width))]
            options |= {"soft_wrap": True}
        super().print(*shown, **{"crop": False} | options)

    def print_each(
        self, content: Iterable[Any], style: str | None = None, *, are_apart: bool = False
    ) -> None:
        """Print several texts or tables, one below another.

        Args:
            content: What is printed.
            style: The texts' style.
            are_apart: Whether an empty line stands between them.
        """
        for index, each in enumerate(content):
            if are_apart and index:
                self.print("")
            self.print(each, style=style)

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
            return rich_text(content, self.encoding)
        if isinstance(content, Text):  # Of a library, through rich's own streams.
            lines = content.plain.split("\n")
            if lines == [visible(line) for line in lines]:
                return content
            return rich_text(Lines(*lines), self.encoding)
        return content


def rich_text(said: Said, encoding: str = "utf-8") -> Text:
    """Return the only kind of text that is printed."""
    if isinstance(said, str):
        return Text(fitting(visible(said), encoding))
    if isinstance(said, Styled):
        return Text(fitting(visible(said.text), encoding), style=said.style)
    if isinstance(said, Lines):
        return Text("\n").join(rich_text(each, encoding) for each in said.texts)
    return Text.assemble(*(rich_text(each, encoding) for each in said))


def wrapped(text: Text, width: int) -> list[Text]:
    """Return a text's lines, broken between words: a word that is wider stays whole.

    Args:
        text: Of one or several lines.
        width: Cells of a line.
    """
    return [part for each in text.split("\n", allow_blank=True) for part in _parts(each, width)]


def line(*parts: str | Text, style: str = "") -> Text:
    """Return a text that ``rich`` is to break nowhere."""
    return Text.assemble(*parts, style=style, no_wrap=True, overflow="ignore")


def widest_line(texts: Iterable[Text]) -> int:
    """Return the cells of the widest line of some texts; 0 for none."""
    return max((cell_len(part) for text in texts for part in text.plain.split("\n")), default=0)


def widest_word(texts: Iterable[Text]) -> int:
    """Return the cells of the widest word of some texts; 0 for none."""
    lines = (part for text in texts for part in text.plain.split("\n"))
    return max((cell_len(word[0]) for each in lines for word in _WORD.finditer(each)), default=0)


def _paragraph(text: Text, width: int) -> list[Text]:
    command = _COMMAND.search(text.plain)
    if command is None:
        return wrapped(text, width)
    before, line = text.divide([command.start()])
    return [*wrapped(before, width), line]


def _parts(text: Text, width: int) -> list[Text]:
    offsets: list[int] = []
    for word in _WORD.finditer(text.plain):
        begin = offsets[-1] if offsets else 0
        if word.start() > begin and cell_len(text.plain[begin : word.end()]) > width:
            offsets.append(word.start())
    parts = list(text.divide(offsets))
    for part in parts:
        part.rstrip()
        part.no_wrap, part.overflow = True, "ignore"
    return parts
