"""Rows of a file of samples that lm-evaluation-harness logged, one at a time and within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from edgeval.errors import DataError
from edgeval.system.file_kinds import kind_of
from edgeval.system.untrusted import UnreadableError, open_regular, parse_json, read_regular

Row = dict[str, Any]

MAX_ROW: Final = 16_000_000
"""Bytes of a row: a prompt of some million tokens stands in it twice."""

MAX_ROWS: Final = 1_000_000
_MAX_LIST: Final = 64_000_000
"""Bytes of a file that is one list, as versions before 0.4.3 write it: it is parsed at once."""

_WANTED: Final = "name a samples_TASK_DATE.jsonl, which lm_eval --log_samples --output_path writes"


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield where each sample is, for a sentence, and what it is.

    Numbers may be ``NaN`` or ``Infinity``, as Python writes them.

    Raises:
        DataError: If the file cannot be read, goes beyond what samples do, or holds none.
    """
    try:
        with open_regular(path) as file:
            first = file.read(1)
            file.seek(0)
            yield from _list(path) if first == b"[" else _lines(path, file)
    except OSError as error:
        raise DataError(
            f"cannot read {path} ({error.strerror or error}); check the path"
        ) from error


def _lines(path: Path, file: BinaryIO) -> Iterator[tuple[str, Row]]:
    number = n_rows = 0
    while line := file.readline(MAX_ROW + 1):
        number += 1
        where = f"{path} line {number:,}"
        if len(line) > MAX_ROW:
            raise DataError(f"{where} has more than {MAX_ROW:,} bytes; {_WANTED}")
        if not line.strip():
            continue
        n_rows += 1
        if n_rows > MAX_ROWS:
            raise DataError(f"{path} has more than {MAX_ROWS:,} samples; {_WANTED}")
        try:
            yield where, _row(where, parse_json(line, finite=False))
        except UnreadableError as error:
            raise _unreadable(path, where, error) from error
    if not n_rows:
        raise DataError(f"{path} holds no samples; {_WANTED}")


def _list(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        found = parse_json(read_regular(path, _MAX_LIST), finite=False)
    except UnreadableError as error:
        raise _unreadable(path, str(path), error) from error
    if not found:
        raise DataError(f"{path} holds no samples; {_WANTED}")
    for number, row in enumerate(found, start=1):
        where = f"{path} sample {number:,}"
        yield where, _row(where, row)


def _row(where: str, row: Any) -> Row:
    if not isinstance(row, dict):
        raise DataError(f"{where} is no sample of lm-evaluation-harness; {_WANTED}")
    if "doc_id" not in row and {"picks", "logprobs"} <= row.keys():
        raise DataError(
            f"{where} is a row of edgeval's own --samples, which says how one model scored and not "
            "what; compare GGUFs with edgeval run --reference"
        )
    if "doc_id" not in row and "results" in row:
        raise DataError(f"{where} is a file of results, without samples; {_WANTED}")
    return row


def _unreadable(path: Path, where: str, error: UnreadableError) -> DataError:
    kind = kind_of(path)
    if kind is not None and kind.what != "JSON":
        return DataError(f"{path} is {kind.what}, not a file of samples; {_WANTED}")
    return DataError(f"{where} is not read: {error}; {_WANTED}")
