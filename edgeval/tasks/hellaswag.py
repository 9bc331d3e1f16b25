"""HellaSwag (Zellers et al. 2019): records from the hub or a file, and their two renderings."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from edgeval import hub
from edgeval.errors import DataError
from edgeval.escapes import without_surrogates
from edgeval.foreign import printable
from edgeval.tasks.item import Item

Rendering = Literal["lm-eval", "text"]
Split = Literal["validation", "train"]

HUB_NAME = "Rowan/hellaswag"
_IN_ITS_SCHEMA = "FILE (.jsonl, .json or .parquet in the hub's schema"
_LOCAL_COPY: dict[Split, str] = {
    "validation": f"--data {_IN_ITS_SCHEMA}, or llama.cpp's .txt)",
    "train": f"--shots-data {_IN_ITS_SCHEMA})",
}
"""The option that takes a file instead of a split of the hub's."""

SUFFIXES = (".jsonl", ".json", ".parquet", ".txt")

N_CHOICES = 4
_TEXT_LINES = 2 + N_CHOICES
_MARKER = re.compile(r"\[(?:header|title|step|substeps)\]")
_LEADING_MARKERS = re.compile(rf"^(?:\s*{_MARKER.pattern})+")

Ending = Annotated[str, Field(pattern=r"\S")]


def _label(value: object) -> object:
    """Accept the data set's label, a string, as well as an int; an unlabelled item has ``""``."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


class Record(BaseModel):
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
    records: Sequence[Record | TextRecord]

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
            items.append(Item(record.id, record.group, context, choices, record.label))
        return items


def preprocess(text: str) -> str:
    """Clean a text exactly as lm-evaluation-harness's hellaswag task does; the order matters."""
    text = text.strip().replace(" [title]", ". ")
    text = re.sub(r"\[.*?\]", "", text)
    return text.replace("  ", " ")


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
    if not path.is_file():
        raise DataError(f"no data file at {path}; check the path")
    readers: dict[str, Callable[[Path], Sequence[Record | TextRecord]]] = {
        ".jsonl": _read_jsonl,
        ".json": _read_json,
        ".parquet": _read_parquet,
        ".txt": _read_text,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} is none of {', '.join(SUFFIXES)}; convert it to one of them")
    try:
        return DataSet(without_surrogates(path.name), reader(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error


def _read_jsonl(path: Path) -> list[Record]:
    records = []
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where = f"{path} line {number}"
                records.append(_record(_parse_json(line, where), where))
    return records


def _read_json(path: Path) -> list[Record]:
    rows = _parse_json(path.read_text(encoding="utf-8-sig"), str(path))
    if not isinstance(rows, list):
        raise DataError(f"{path} is not a JSON list of items; wrap the items in [ and ]")
    return _records(rows, path)


def _read_parquet(path: Path) -> list[Record]:
    import pyarrow
    import pyarrow.parquet

    try:
        with path.open("rb") as file:  # By name, only one in UTF-8 would be read.
            rows = pyarrow.parquet.read_table(file).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is not a Parquet file ({printable(str(error))}); download it again"
        ) from error
    return _records(rows, path)


def _read_text(path: Path) -> list[TextRecord]:
    lines = path.read_text(encoding="utf-8-sig").split("\n")
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


def _records(rows: Sequence[Any], path: Path) -> list[Record]:
    return [_record(row, f"{path} item {number}") for number, row in enumerate(rows, start=1)]


def _parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not valid JSON ({error.msg}); correct it") from error


def _record(row: Any, where: str) -> Record:
    try:
        return Record.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the item"
        shown = repr(first["input"])[:60]
        raise DataError(f"{where}: {field} is {shown}: {first['msg']}; correct it") from error


def _from_hub(split: Split, offline: bool) -> DataSet:
    name = f"{HUB_NAME} {split}"
    # The hub's client would retry for half a minute; both libraries read this when imported.
    if offline or not hub.is_reachable():
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        rows = datasets.load_dataset(HUB_NAME, split=split)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the data set {HUB_NAME} is neither cached here nor to be had from the hub "
            f"({type(error).__name__}); go online once and run again, or give a local copy with "
            f"{_LOCAL_COPY[split]}"
        ) from error
    return DataSet(name, list(_hub_records(rows, name)))


def _hub_records(rows: Sequence[Any], name: str) -> Iterator[Record]:
    for number, row in enumerate(rows, start=1):
        yield _record(row, f"{name} item {number}")
