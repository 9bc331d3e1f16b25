"""Parts of a page: its tables as cells, its facts, its islands of JSON, and its other texts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_INLINE = {"a", "strong", "b", "span", "code", "svg", "path", "rect", "circle", "output", "input"}
_SPOKEN = {"aria-label", "content"}
_VOID = {"meta", "br", "input", "link", "img", "hr"}


@dataclass
class Grid:
    """A table: ``<br>`` and ``<small>`` begin lines of their cells."""

    caption: str = ""
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Island:
    """What a script reads.

    Attributes:
        figure: The figure that it is in; empty outside of any.
        choices: What a reader chooses among there.
        content: What it holds.
    """

    figure: str
    choices: list[str]
    content: Any


class Parts(HTMLParser):
    """The parts of a page."""

    def __init__(self, html: str) -> None:
        """Read a page."""
        super().__init__(convert_charrefs=True)
        self.grids: list[Grid] = []
        self.facts: list[tuple[str, str]] = []
        self.islands: list[Island] = []
        self.texts: list[tuple[str, str]] = []
        """Each with the section that it is in."""
        self.command = self.markdown = ""
        self._open: list[str] = []
        self._block: list[str] = []
        self._figure, self._section = "", ""
        self._choices: list[str] = []
        self._attributes: dict[str, str] = {}
        self._label = ""
        self.feed(html)
        self.close()
        self._end_block("end")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        known = {name: value or "" for name, value in attrs}
        for name in _SPOKEN & known.keys():
            if known.get("name") != "viewport" and "http-equiv" not in known:
                self.texts.append((self._section, known[name]))
        if tag == "br" or (tag == "small" and "".join(self._block).strip()):
            self._block.append("\n")
        elif tag not in _INLINE and tag != "small":
            self._end_block(tag)
        if tag == "section":
            self._section = known.get("aria-labelledby", "")
        elif tag == "figure":
            self._figure, self._choices = known.get("id", ""), []
        elif tag == "table":
            self.grids.append(Grid())
        elif tag == "tr" and "tbody" in self._open:
            self.grids[-1].rows.append([])
        if tag in ("script", "pre", "code"):
            self._attributes = self._attributes | known if tag == "code" else known
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag == "figure":
            self._figure = ""
        if tag not in _INLINE and tag != "small":
            self._end_block(tag)
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Read a text."""
        if "style" not in self._open:
            self._block.append(data)

    def _end_block(self, tag: str) -> None:
        text, self._block = "".join(self._block).strip(), []
        inside = self._open[-1] if self._open else ""
        if "script" in self._open:
            if self._attributes.get("type") == "application/json":
                self.islands.append(Island(self._figure, self._choices, json.loads(text)))
        elif "thead" in self._open and inside == "th":
            self.grids[-1].header.append(text)
        elif "tbody" in self._open and inside in ("th", "td"):
            self.grids[-1].rows[-1].append(text)
        elif inside == "dt":
            self._label = text
        elif inside == "dd":
            self.facts.append((self._label, text))
        elif "pre" in self._open:
            if self._attributes.get("id") == "command":
                self.command = text
            else:
                self.markdown = text
        elif text:
            if self._figure and (inside == "option" or inside == tag == "label"):
                self._choices.append(text)
            if inside == "caption":
                self.grids[-1].caption = text
            self.texts.append((self._section, " ".join(text.split())))
