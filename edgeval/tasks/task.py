"""Task: where its rows are, and what items they make."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from edgeval.errors import DataError
from edgeval.system.escapes import without_surrogates
from edgeval.system.file_kinds import kind_of
from edgeval.system.untrusted import printable
from edgeval.tasks.fewshot import Sampler
from edgeval.tasks.item import Item
from edgeval.tasks.names import ACCURACIES
from edgeval.tasks.readers import SUFFIXES, PlacedRow, hub_rows, read_text, rows_of

Rendering = Literal["lm-eval", "text"]
"""Which tool's texts are made of a row: lm-evaluation-harness's, or those of a text file."""

TEXT_SUFFIX: Final = ".txt"

UNGROUPED: Final = "all"
"""The group of items that are all of one kind."""
_IN_ITS_SCHEMA = f"FILE ({', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} in the hub's schema"


class Row(ABC):
    """One row of a task's data.

    The harness knows the same row by its whole content, and so does ``==``.
    """

    @property
    def group(self) -> str:
        """What its item is a kind of."""
        return UNGROUPED

    @property
    @abstractmethod
    def content(self) -> Sequence[str | int]:
        """What the fingerprint of a data set covers of it: all that an item is made of."""

    @abstractmethod
    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is, rendered for a protocol; without an id if it has none.

        Raises:
            DataError: If it cannot be rendered so.
        """


@dataclass(frozen=True)
class DataSet:
    """Rows and where they came from.

    Attributes:
        name: The hub's name and split, or the file's name.
        rows: All rows, in order.
    """

    name: str
    rows: Sequence[Row]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the content of all rows, as hexadecimal digits.

        The same items as .jsonl, .json, .parquet or from the hub have the same fingerprint.
        """
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(json.dumps(list(row.content), ensure_ascii=False).encode())
        return digest.hexdigest()

    def items(self, rendering: Rendering) -> list[Item]:
        """Return all rows as items, rendered for a protocol.

        The id of one whose data set gives none is its index.

        Raises:
            DataError: If the rows cannot be rendered so.
        """
        items = (row.item(rendering) for row in self.rows)
        return [
            item if item.id else replace(item, id=str(index)) for index, item in enumerate(items)
        ]


@dataclass(frozen=True)
class Task:
    """A benchmark.

    Attributes:
        name: What users type, and records say.
        data_name: Name of its data set on the hub.
        split: The split that is evaluated.
        n_items: Number of items in that split on the hub, which published numbers are of.
        shots_split: The split that solved items are drawn from; None for a task without shots.
        row: Makes a row of one in the hub's schema; raises ``pydantic.ValidationError``.
        source: Whose numbers these are: the file and version of the harness's own task.
        version: Raised when its items, or which of their choices is right, change.
        data_config: The configuration of the data set, if it has several.
        renderings: What its rows can be rendered as.
        metrics: Its accuracies. The primary one is that of the protocol, or the first.
        sampler: How solved items are drawn.
        note: Where published numbers of it are measured otherwise.
        read_text: Reads a ``.txt`` file, if the task has a text format; raises ``DataError``.
    """

    name: str
    data_name: str
    split: str
    n_items: int
    shots_split: str | None
    row: Callable[[Any], Row]
    source: str
    version: int = 1
    data_config: str | None = None
    renderings: tuple[Rendering, ...] = ("lm-eval",)
    metrics: tuple[str, ...] = ACCURACIES
    sampler: Sampler = "others"
    note: str = ""
    read_text: Callable[[Path], Sequence[Row]] | None = None

    @property
    def split_name(self) -> str:
        """What the split that is evaluated is called: the hub's name and its own."""
        return f"{self.data_name} {self.split}"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the files that are read."""
        return (*SUFFIXES, TEXT_SUFFIX) if self.read_text else SUFFIXES

    def load(self, path: Path | None = None, *, offline: bool = False) -> DataSet:
        """Load the items that are evaluated.

        Args:
            path: ``.jsonl``, ``.json`` or ``.parquet`` in the hub's schema, or ``.txt`` in the
                task's text format; None for the hub.
            offline: Use only what is cached.

        Raises:
            DataError: If the data are missing, malformed or empty.
        """
        text = ", or llama.cpp's .txt" if self.read_text else ""
        return self._load(path, self.split, offline, f"--data {_IN_ITS_SCHEMA}{text})")

    def load_shots(self, path: Path | None = None, *, offline: bool = False) -> DataSet:
        """Load the solved items that shots are drawn from; see ``load``.

        Raises:
            DataError: If the task has no shots, or the data are missing, malformed or empty.
        """
        if self.shots_split is None:
            raise DataError(f"task {self.name} has no shots; leave out --shots")
        return self._load(path, self.shots_split, offline, f"--shots-data {_IN_ITS_SCHEMA})")

    def _load(self, path: Path | None, split: str, offline: bool, local_copy: str) -> DataSet:
        if path is not None:
            data_set = DataSet(without_surrogates(path.name), self._rows_of(path))
        else:
            rows = hub_rows(
                self.data_name, self.data_config, split, offline=offline, local_copy=local_copy
            )
            data_set = DataSet(f"{self.data_name} {split}", self._parsed(rows))
        if not data_set.rows:
            raise DataError(f"{data_set.name} holds no items; check the file")
        return data_set

    def _rows_of(self, path: Path) -> Sequence[Row]:
        suffix = path.suffix.lower()
        if suffix not in self.suffixes:
            # What is no file is no file of another format.
            if not path.is_file():
                read_text(path)
            if (kind := kind_of(path)) is not None and kind.what != "JSON":
                raise DataError(f"{path} is {kind.what}, not a data file; {kind.remedy}")
            raise DataError(
                f"{path} is none of {', '.join(self.suffixes)}; convert it to one of them"
            )
        if suffix == TEXT_SUFFIX and self.read_text:
            return self.read_text(path)
        return self._parsed(rows_of(path))

    def _parsed(self, rows: Iterable[PlacedRow]) -> list[Row]:
        return [
            self._row(row, where, is_first=index == 0) for index, (where, row) in enumerate(rows)
        ]

    def _row(self, row: Any, where: str, *, is_first: bool) -> Row:
        try:
            return self.row(row)
        except ValidationError as error:
            # The registry has the tasks, this one too.
            from edgeval.tasks.registry import readers_of

            if is_first and (others := " or ".join(readers_of(row))):
                raise DataError(
                    f"{where} is an item of {others}, not of {self.name}; use --task {others}, or "
                    f"name a file of {self.name}"
                ) from error
            raise DataError(f"{where}: {_what_is_wrong(error.errors()[0])}") from error


def _what_is_wrong(error: ErrorDetails) -> str:
    """Return what is wrong with a row, and what to do."""
    # What a task's own check says.
    if error["type"] == "value_error":
        return printable(str(error["ctx"]["error"]))
    field = ".".join(str(part) for part in error["loc"]) or "the item"
    shown, reason = repr(error["input"])[:60], printable(" ".join(error["msg"].split()))
    return f"{field} is {shown}: {reason}; correct it"
