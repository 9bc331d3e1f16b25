"""HellaSwag (Zellers et al. 2019): records from the hub or a file, and their two renderings."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from edgeval.errors import DataError
from edgeval.hub import answers, fetch, names
from edgeval.system.escapes import without_surrogates
from edgeval.system.file_kinds import kind_of
from edgeval.system.untrusted import printable
from edgeval.tasks.item import Item
from edgeval.tasks.readers import lines_of, read_text, rows_of

Rendering = Literal["lm-eval", "text"]
Split = Literal["validation", "train"]

HUB_NAME = "Rowan/hellaswag"
_IN_ITS_SCHEMA = "FILE (.jsonl, .json or .parquet in the hub's schema"
_LOCAL_COPY: dict[Split, str] = {
    "validation": f"--data {_IN_ITS_SCHEMA}, or llama.cpp's .txt)",
    "train": f"--shots-data {_IN_ITS_SCHEMA})",
}
"""The option that takes a file instead of a split of the hub's."""

_OF_AN_ODD_ANSWER = (ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError)
"""What ``datasets`` raises where a hub answers with other fields than it expects."""

SUFFIXES = (".jsonl", ".json", ".parquet", ".txt")

N_CHOICES = 4
_TEXT_LINES = 2 + N_CHOICES
_MARKER = re.compile(r"\[(?:header|title|step|substeps)\]")
_LEADING_MARKERS = re.compile(rf"^(?:\s*{_MARKER.pattern})+")

Ending = Annotated[str, Field(pattern=r"\S")]


def _label(value: object) -> object:
    """Accept the data set's label, a string, as well as an int; an unlabelled item has ``""``."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


class Row(BaseModel):
    """One row in the schema of the hub's data set."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    ind: str
    activity_label: str
    ctx_a: str
    ctx_b: str
    ctx: str
    endings: tuple[Ending, Ending, Ending, Ending]
    source_id: str = ""
    label: Annotated[int, BeforeValidator(_label), Field(ge=0, lt=N_CHOICES)]

    @property
    def id(self) -> str:
        """Identifier within the data set."""
        return self.ind

    @property
    def group(self) -> str:
        """The source before ``~``, ``activitynet`` or ``wikihow``; ``all`` where there is none."""
        source, separator, _ = self.source_id.partition("~")
        return source if separator else "all"

    def lm_eval(self) -> tuple[str, tuple[str, ...]]:
        """Render as lm-evaluation-harness's hellaswag task does (``process_docs``)."""
        context = f"{self.activity_label}: {self.ctx_a} {self.ctx_b.capitalize()}"
        return preprocess(context), tuple(preprocess(ending) for ending in self.endings)

    def text(self) -> tuple[str, tuple[str, ...]]:
        """Render as the text file that llama-perplexity reads: the case of the context is kept."""
        context = f"{self.activity_label}: {self.ctx}"
        return without_markers(context), tuple(without_markers(each) for each in self.endings)


@dataclass(frozen=True)
class TextRecord:
    """One item of llama.cpp's six-line text format, which has no separate ``ctx_b``."""

    id: str
    line: str
    endings: tuple[str, ...]
    label: int
    group: str = "all"
    source_id: str = ""

    def lm_eval(self) -> tuple[str, tuple[str, ...]]:
        """Refuse: ``ctx_b`` cannot be told from ``ctx_a`` here, and its case matters.

        Raises:
            DataError: Always.
        """
        raise DataError(
            "the six-line text format does not say where ctx_b begins, which the lm-eval protocols "
            "need; use --protocol llama.cpp, or data in the hub's schema (.jsonl, .json, .parquet)"
        )

    def text(self) -> tuple[str, tuple[str, ...]]:
        """Return the lines as they are."""
        return self.line, self.endings


@dataclass(frozen=True)
class DataSet:
    """Records and where they came from.

    Attributes:
        name: The hub's name and split, or the file's name.
        records: All records, in order.
    """

    name: str
    records: Sequence[Row | TextRecord]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all renderings, groups and labels, as hexadecimal digits.

        The same items as .jsonl, .json, .parquet or from the hub have the same fingerprint.
        """
        digest = hashlib.sha256()
        for record in self.records:
            if isinstance(record, TextRecord):
                parts = [record.id, record.group, record.line, *record.endings, record.label]
            else:
                parts = [record.id, record.group, record.lm_eval()[0], record.text()[0]]
                parts += [*record.endings, record.label]
            digest.update(json.dumps(parts, ensure_ascii=False).encode())
        return digest.hexdigest()

    def items(self, rendering: Rendering) -> list[Item]:
        """Return all records as items, rendered for a protocol.

        Raises:
            DataError: If the records cannot be rendered so.
        """
        items = []
        for record in self.records:
            context, choices = record.lm_eval() if rendering == "lm-eval" else record.text()
            items.append(
                Item(record.id, record.group, context, choices, record.label, record.source_id)
            )
        return items


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


def load(
    path: Path | None = None, *, offline: bool = False, split: Split = "validation"
) -> DataSet:
    """Load a local file, or a split of the hub's.

    Args:
        path: ``.jsonl``, ``.json`` or ``.parquet`` in the hub's schema, or ``.txt`` in llama.cpp's
            six-line format; None for the hub.
        offline: Use only what is cached.
        split: Which split of the hub's.

    Raises:
        DataError: If the data are missing, malformed or empty.
    """
    data_set = _from_hub(split, offline) if path is None else _from_file(path)
    if not data_set.records:
        raise DataError(f"{data_set.name} holds no items; check the file")
    return data_set


def _from_file(path: Path) -> DataSet:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        # What is no file is no file of another format.
        if not path.is_file():
            read_text(path)
        if (kind := kind_of(path)) is not None and kind.what != "JSON":
            raise DataError(f"{path} is {kind.what}, not a data file; {kind.remedy}")
        raise DataError(f"{path} is none of {', '.join(SUFFIXES)}; convert it to one of them")
    name = without_surrogates(path.name)
    if suffix == ".txt":
        return DataSet(name, _read_text(path))
    return DataSet(name, [_record(row, where) for where, row in rows_of(path)])


def _read_text(path: Path) -> list[TextRecord]:
    lines = lines_of(read_text(path))
    if lines[-1] == "":
        lines.pop()
    if len(lines) % _TEXT_LINES:
        raise DataError(
            f"{path} has {len(lines)} lines, not a multiple of {_TEXT_LINES}: an item is a "
            "context, a label and four endings; complete the last item"
        )
    return [_text_record(lines, begin, path) for begin in range(0, len(lines), _TEXT_LINES)]


def _text_record(lines: Sequence[str], begin: int, path: Path) -> TextRecord:
    context, label, *endings = lines[begin : begin + _TEXT_LINES]
    where = f"{path} line {begin + 2}"
    if label.strip() not in {str(index) for index in range(N_CHOICES)}:
        raise DataError(f"{where}: the label is {label!r}, not 0 to {N_CHOICES - 1}; correct it")
    for number, ending in enumerate(endings, start=begin + 3):
        if not ending.strip():
            raise DataError(f"{path} line {number}: the item has an empty ending; correct it")
    return TextRecord(str(begin // _TEXT_LINES), context, tuple(endings), int(label))


def _record(row: Any, where: str) -> Row:
    try:
        return Row.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the item"
        shown, reason = repr(first["input"])[:60], printable(" ".join(first["msg"].split()))
        raise DataError(f"{where}: {field} is {shown}: {reason}; correct it") from error


def _from_hub(split: Split, offline: bool) -> DataSet:
    name = f"{HUB_NAME} {split}"
    offline = fetch.is_offline("HF_DATASETS_OFFLINE") or offline
    # The hub's client would retry for half a minute.
    reason = "offline" if offline else fetch.why_unreachable()
    import datasets

    errors: tuple[type[Exception], ...] = (*answers.client_errors(), *_OF_AN_ODD_ANSWER)

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        with fetch.without_network() if reason else contextlib.nullcontext():
            rows = datasets.load_dataset(HUB_NAME, split=split)
    except errors as error:
        found = reason or names.redacted(f"{type(error).__name__}: {error}".splitlines()[0])
        raise DataError(
            f"the data set {HUB_NAME} is neither cached here nor to be had from the hub "
            f"({found}); go online once and run again, or give a local copy with "
            f"{_LOCAL_COPY[split]}"
        ) from error
    return DataSet(name, list(_hub_records(rows, name)))


def _hub_records(rows: Sequence[Any], name: str) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        yield _record(row, f"{name} item {number}")
