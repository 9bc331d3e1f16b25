"""HellaSwag (Zellers et al. 2019): its rows, their two renderings, and llama.cpp's text format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from edgeval.errors import DataError
from edgeval.tasks.item import Item
from edgeval.tasks.readers import lines_of, read_text
from edgeval.tasks.rows import HubRow, Text, require_label
from edgeval.tasks.task import UNGROUPED, Rendering, Row, Task

N_CHOICES = 4
_TEXT_LINES = 2 + N_CHOICES
_MARKER = re.compile(r"\[(?:header|title|step|substeps)\]")
_LEADING_MARKERS = re.compile(rf"^(?:\s*{_MARKER.pattern})+")


def _label(value: object) -> object:
    """Accept the data set's label, a string, as well as an int."""
    require_label(value)
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


class HellaSwagRow(HubRow):
    """The beginning of a video's or an article's text, and its endings."""

    ind: str
    activity_label: str
    ctx_a: str
    ctx_b: str
    ctx: str
    endings: tuple[Text, Text, Text, Text]
    source_id: str = ""
    label: Annotated[int, BeforeValidator(_label), Field(ge=0, lt=N_CHOICES)]

    @property
    def group(self) -> str:
        """The source before ``~``, ``activitynet`` or ``wikihow``; ``all`` where there is none."""
        source, separator, _ = self.source_id.partition("~")
        return source if separator else UNGROUPED

    @property
    def content(self) -> list[str | int]:
        """The texts before they are cleaned, but the contexts."""
        contexts = [self.lm_eval()[0], self.text()[0]]
        return [self.ind, self.group, *contexts, *self.endings, self.label]

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is."""
        context, choices = self.lm_eval() if rendering == "lm-eval" else self.text()
        return Item(self.ind, self.group, (context,), choices, self.label, self.source_id)

    def lm_eval(self) -> tuple[str, tuple[str, ...]]:
        """Render as lm-evaluation-harness's hellaswag task does (``process_docs``)."""
        context = f"{self.activity_label}: {self.ctx_a} {self.ctx_b.capitalize()}"
        return preprocess(context), tuple(preprocess(ending) for ending in self.endings)

    def text(self) -> tuple[str, tuple[str, ...]]:
        """Render as the text file that llama-perplexity reads: the case of the context is kept."""
        context = f"{self.activity_label}: {self.ctx}"
        return without_markers(context), tuple(without_markers(each) for each in self.endings)


@dataclass(frozen=True)
class TextRow(Row):
    """One item of llama.cpp's six-line text format, which has no separate ``ctx_b``."""

    id: str
    line: str
    endings: tuple[str, ...]
    label: int

    @property
    def content(self) -> list[str | int]:
        """All that it is; the group is that of rows without a source."""
        return [self.id, UNGROUPED, self.line, *self.endings, self.label]

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is.

        Raises:
            DataError: For lm-eval: ``ctx_b`` cannot be told from ``ctx_a``, and its case matters.
        """
        if rendering == "lm-eval":
            raise DataError(
                "the six-line text format does not say where ctx_b begins, which the lm-eval "
                "protocols need; use --protocol llama.cpp, or data in the hub's schema (.jsonl, "
                ".json, .parquet)"
            )
        return Item(self.id, UNGROUPED, (self.line,), self.endings, self.label)


def preprocess(text: str) -> str:
    """Clean a text exactly as lm-evaluation-harness's hellaswag task does; the order matters."""
    text = text.strip().replace(" [title]", ". ")
    text = "\n".join(map(_without_brackets, text.split("\n")))
    return text.replace("  ", " ")


def _without_brackets(line: str) -> str:
    """Return a line without what is in brackets, each up to the first that closes it.

    After the last closing one nothing is, and looking for it from each opening one takes long.
    """
    closed, end, rest = line.rpartition("]")
    return re.sub(r"\[.*?\]", "", closed + end) + rest


def without_markers(text: str) -> str:
    """Clean a text as the file that llama-perplexity reads was cleaned (llama.cpp PR 2312).

    Unlike lm-evaluation-harness, only WikiHow's own markers go, and other brackets stay. A text
    without markers is left as it is.
    """
    if not _MARKER.search(text):
        return text
    text = _LEADING_MARKERS.sub("", text.strip()).replace(" [title]", ". ")
    return _MARKER.sub("", text).replace("  ", " ").strip()


def read_text_format(path: Path) -> list[TextRow]:
    """Return the rows of a file in llama.cpp's six-line text format.

    Raises:
        DataError: If it cannot be read, or is malformed.
    """
    lines = lines_of(read_text(path))
    if lines[-1] == "":
        lines.pop()
    if len(lines) % _TEXT_LINES:
        raise DataError(
            f"{path} has {len(lines)} lines, not a multiple of {_TEXT_LINES}: an item is a "
            "context, a label and four endings; complete the last item"
        )
    return [_text_record(lines, begin, path) for begin in range(0, len(lines), _TEXT_LINES)]


def _text_record(lines: Sequence[str], begin: int, path: Path) -> TextRow:
    context, label, *endings = lines[begin : begin + _TEXT_LINES]
    where = f"{path} line {begin + 2}"
    if label.strip() not in {str(index) for index in range(N_CHOICES)}:
        raise DataError(f"{where}: the label is {label!r}, not 0 to {N_CHOICES - 1}; correct it")
    for number, ending in enumerate(endings, start=begin + 3):
        if not ending.strip():
            raise DataError(f"{path} line {number}: the item has an empty ending; correct it")
    return TextRow(str(begin // _TEXT_LINES), context, tuple(endings), int(label))


HELLASWAG = Task(
    name="hellaswag",
    data_name="Rowan/hellaswag",
    split="validation",
    n_items=10_042,
    shots_split="train",
    row=HellaSwagRow.model_validate,
    renderings=("lm-eval", "text"),
    source="hellaswag/hellaswag.yaml 1.0",
    read_text=read_text_format,
)
