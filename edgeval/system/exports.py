"""Exports: rows of plain values as CSV, JSON lines or Parquet, for data frames and databases."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Final, Literal

from edgeval.system.files import replacing

Kind = Literal["text", "count", "number", "flag"]
Column = Kind | tuple[Kind] | Mapping[str, Kind]
"""What a column holds: values, lists of values, or values by name. Any value may be None."""

Columns = Mapping[str, Column]
Rows = Iterable[Mapping[str, Any]]
Format = Literal["csv", "jsonl", "parquet"]

_ROWS_AT_ONCE: Final = 5_000

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula, which they would compute (OWASP, CSV
Injection)."""


def write_rows(target: Path, kind: Format, columns: Columns, rows: Rows) -> None:
    """Write rows to a file, whole or not at all.

    Args:
        target: The file; one that is there is replaced.
        kind: ``csv`` as RFC 4180 describes it, with a head, empty for None, JSON for lists and
            values by name, and ``'`` before a text that a spreadsheet would compute; ``jsonl``, an
            object a line; or ``parquet``.
        columns: What the columns are called and hold, in their order.
        rows: Their values by name, in any order; without one, it is None.

    Raises:
        EdgevalError: If the file cannot be written.
    """
    write: Mapping[Format, Callable[[Path, Columns, Rows], None]] = {
        "csv": _write_csv,
        "jsonl": _write_jsonl,
        "parquet": _write_parquet,
    }
    with replacing(target) as temporary:
        write[kind](temporary, columns, rows)


def csv_text(columns: Iterable[str], rows: Rows) -> str:
    """Return rows as CSV for a terminal or a pipe, whose lines end with a line feed alone."""
    file = io.StringIO(newline="")
    _csv_to(file, columns, rows, "\n")
    return file.getvalue()


def _write_csv(path: Path, columns: Columns, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        _csv_to(file, columns, rows, "\r\n")


def _csv_to(file: IO[str], columns: Iterable[str], rows: Rows, line_end: str) -> None:
    names = list(columns)
    writer = csv.writer(file, lineterminator=line_end)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def _cell(value: Any) -> Any:
    """Return what a cell of a CSV file holds: pandas and DuckDB take ``true`` for what it is."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value) if isinstance(value, bool | list | tuple | dict) else value


def _write_jsonl(path: Path, columns: Columns, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps({name: row.get(name) for name in columns}) + "\n")


def _write_parquet(path: Path, columns: Columns, rows: Rows) -> None:
    # It takes a third of a second to load.
    import pyarrow as pa
    from pyarrow import parquet

    plain = {
        "text": pa.string(),
        "count": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
    }

    def of(column: Column) -> Any:
        if isinstance(column, str):
            return plain[column]
        if isinstance(column, tuple):
            return pa.list_(plain[column[0]])
        return pa.struct([(name, plain[kind]) for name, kind in column.items()])

    schema = pa.schema([(name, of(column)) for name, column in columns.items()])
    left = iter(rows)
    # It would take only paths in UTF-8.
    with path.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        while part := list(itertools.islice(left, _ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(part, schema))
