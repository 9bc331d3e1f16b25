"""Rows of any task: of a data file, read within bounds, or of the hub."""

from __future__ import annotations

import contextlib
import json
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from edgeval.errors import DataError
from edgeval.system.file_kinds import kind_of_bytes
from edgeval.system.untrusted import UnreadableError, decoded, parse_json, printable, read_regular

PlacedRow = tuple[str, Any]
"""Where a row is, for a sentence, and what it is."""

_MAX_BYTES: Final = 256_000_000
_MAX_TEXT_BYTES: Final = 1_000_000_000
_MAX_ROW: Final = 1_000_000
"""Characters of a row of JSON; parsed, it takes some 30 times as much at the worst."""
_WINDOW: Final = 1 << 15
_MAX_ROWS: Final = 5_000_000
_BATCH_ROWS: Final = 64
_MAX_BATCH_BYTES: Final = 64_000_000
_SPACE: Final = re.compile(r"[ \t\r\n]*")


SUFFIXES: Final = (".jsonl", ".json", ".parquet")

_OF_AN_ODD_ANSWER: Final[tuple[type[Exception], ...]] = (
    *(ValueError, RuntimeError, LookupError),
    *(TypeError, AttributeError, ImportError),
)
"""What ``datasets`` raises where a hub answers with other fields than it expects."""


def rows_of(path: Path) -> Iterator[PlacedRow]:
    """Yield the rows of a ``.jsonl``, ``.json`` or ``.parquet`` file.

    A ``.json`` is a list, or what ``Dataset.to_json`` writes: an object a row, one after another.
    So is a ``.jsonl``, line by line.

    Raises:
        DataError: If the file cannot be read, or goes beyond what data do.
    """
    readers: dict[str, Callable[[Path], Iterator[PlacedRow]]] = {
        ".jsonl": _jsonl,
        ".json": _json,
        ".parquet": _parquet,
    }
    yield from readers[path.suffix.lower()](path)


def hub_rows(
    name: str, config: str | None, split: str, *, offline: bool, local_copy: str
) -> Iterator[PlacedRow]:
    """Yield the rows of a split of a data set on the hub.

    Args:
        name: Name of the data set.
        config: Its configuration; None for its only one.
        split: The split.
        offline: Use only what is cached.
        local_copy: The option that takes a file instead.

    Raises:
        DataError: If it is neither cached nor to be had.
    """
    # Where a file is read, neither the hub's client nor datasets is loaded.
    from edgeval.hub import answers, fetch, names

    offline = fetch.is_offline("HF_DATASETS_OFFLINE") or offline
    # The hub's client would retry for half a minute.
    reason = "offline" if offline else fetch.why_unreachable()
    import datasets

    errors: tuple[type[Exception], ...] = (*answers.client_errors(), *_OF_AN_ODD_ANSWER)

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        with fetch.without_network() if reason else contextlib.nullcontext():
            rows = datasets.load_dataset(name, *filter(None, [config]), split=split)
    except errors as error:
        found = reason or names.redacted(f"{type(error).__name__}: {error}".splitlines()[0])
        raise DataError(
            f"the data set {name} is neither cached here nor to be had from the hub ({found}); go "
            f"online once and run again, or give a local copy with {local_copy}"
        ) from error
    for number, row in enumerate(rows, start=1):
        yield f"{name} {split} item {number}", row


def read_text(path: Path, limit_bytes: int = _MAX_TEXT_BYTES) -> str:
    """Return a text in UTF-8.

    Raises:
        DataError: If the file cannot be read, is too long or no such text.
    """
    try:
        content = read_regular(path, limit_bytes)
    except (OSError, UnreadableError) as error:
        raise unreadable(path, error) from error
    try:
        return decoded(content)
    except UnreadableError as error:
        kind = kind_of_bytes(content[:512])
        what = f"it is {kind.what}; {kind.remedy}" if kind else f"{error}; save it as UTF-8"
        raise DataError(f"{path} is not UTF-8 text: {what}") from error


def lines_of(text: str) -> list[str]:
    """Return the lines of a text of any system; a separator of Unicode may stand within a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_bytes(path: Path) -> bytes:
    """Return what a file of text holds.

    Raises:
        DataError: If it cannot be read, or is too long.
    """
    try:
        return read_regular(path, _MAX_TEXT_BYTES)
    except (OSError, UnreadableError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError | UnreadableError) -> DataError:
    """Return the error for a path that is no file to read, and what to name instead."""
    if str(path) == "-":
        return DataError(
            "data are read from a file, not from standard input: their name and their content are "
            "part of the record; save them to a file, and name it"
        )
    if isinstance(error, UnreadableError):
        return DataError(f"{path} is not read: {error}; name a smaller file, or a part of it")
    mode = _mode(path)
    if mode is None:
        return DataError(
            f"no data file at {path} ({printable(error.strerror or '')}); check the path"
        )
    if stat.S_ISDIR(mode):
        return DataError(f"{path} is a folder, not a data file; name a file in it")
    if not stat.S_ISREG(mode):
        return DataError(
            f"cannot read {path}: {printable(error.strerror or str(error))}; save what it gives to "
            "a file, and name that"
        )
    reason = printable(error.strerror or str(error))
    return DataError(f"cannot read {path} ({reason}); check its permissions and its disk")


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None


def _jsonl(path: Path) -> Iterator[PlacedRow]:
    text = read_text(path, _MAX_BYTES)
    if text.lstrip()[:1] == "[" and text.rstrip()[-1:] == "]":
        yield from _values(path, text)
        return
    for number, line in enumerate(lines_of(text), start=1):
        if line.strip():
            where = f"{path} line {number}"
            yield where, _parsed(line, where)


def _json(path: Path) -> Iterator[PlacedRow]:
    yield from _values(path, read_text(path, _MAX_BYTES))


def _values(path: Path, text: str) -> Iterator[PlacedRow]:
    """Yield the items of a list, or the values that follow one another."""
    at = _skip(text, 0)
    is_list = text[at : at + 1] == "["
    at = _skip(text, at + 1) if is_list else at
    ending = "]" if is_list else ""
    number = 0
    while text[at : at + 1] != ending:
        number += 1
        where = f"{path} item {number}"
        value, at = _value(path, text, at, where)
        at = _skip(text, at)
        if not is_list and number == 1 and at == len(text):
            raise DataError(f"{path} is not a JSON list of items; wrap the items in [ and ]")
        yield where, value
        if is_list and text[at : at + 1] != "]":
            at = _comma(path, text, at)
    if is_list and _skip(text, at + 1) != len(text):
        raise DataError(
            f"{path} is not valid JSON: something follows the list at character {at + 2:,}; "
            "correct it"
        )


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _comma(path: Path, text: str, at: int) -> int:
    if text[at : at + 1] != ",":
        raise DataError(
            f"{path} is not valid JSON (no comma after an item, at character {at + 1:,}); correct "
            "it"
        )
    return _skip(text, at + 1)


def _value(path: Path, text: str, at: int, where: str) -> tuple[Any, int]:
    """Return the value that begins somewhere, and where it ends."""
    length = _length(text[at : at + _WINDOW]) or _length(text[at : at + _MAX_ROW])
    if length is None:
        # What is wrong is said of the whole item, or of what is too long to be one.
        if len(text) - at > _MAX_ROW:
            raise DataError(
                f"{where} is not valid JSON, or has more than {_MAX_ROW:,} characters; correct it"
            )
        _parsed(text[at:], str(path))
        raise DataError(f"{path} is not valid JSON; correct it")
    return _parsed(text[at : at + length], where), at + length


def _length(text: str) -> int | None:
    """Return how long the value is that a text begins with; None if it does not end there."""
    try:
        _, end = _FINDER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    # A number may go on beyond the window.
    return end if text[end - 1 : end] in '}]"' else None


_FINDER: Final = json.JSONDecoder(parse_int=len, parse_float=len)


def _parsed(text: str, where: str) -> Any:
    if len(text) > _MAX_ROW:
        raise DataError(f"{where} has more than {_MAX_ROW:,} characters; correct it")
    try:
        return parse_json(text)
    except UnreadableError as error:
        raise DataError(f"{where} is not valid JSON ({error}); correct it") from error


def _parquet(path: Path) -> Iterator[PlacedRow]:
    import pyarrow
    import pyarrow.parquet

    try:
        content = read_regular(path, _MAX_BYTES)
    except (OSError, UnreadableError) as error:
        raise unreadable(path, error) from error
    try:
        with pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)) as file:
            _require_bounded(path, file)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                if batch.nbytes > _MAX_BATCH_BYTES:
                    raise DataError(f"{path} has rows of megabytes; name a file of items")
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path} item {number}", row
    except _BROKEN_PARQUET as error:
        raise _no_parquet(path, content, error) from error


_BROKEN_PARQUET: Final = (OSError, ValueError, KeyError, NotImplementedError, OverflowError)
"""What pyarrow raises; its own errors are of these."""


def _require_bounded(path: Path, file: Any) -> None:
    metadata = file.metadata
    n_bytes = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    if metadata.num_rows > _MAX_ROWS or n_bytes > 4 * _MAX_BYTES:
        raise DataError(
            f"{path} is not read: it says that it has {metadata.num_rows:,} rows of "
            f"{n_bytes / 1e6:,.0f} MB; name a smaller file, or a part of it"
        )


def _no_parquet(path: Path, content: bytes, error: Exception) -> DataError:
    kind = kind_of_bytes(content[:512])
    if kind is not None and ".parquet" not in kind.suffixes:
        return DataError(f"{path} is not a Parquet file: it is {kind.what}; {kind.remedy}")
    reason = printable(" ".join(str(error).split()))
    return DataError(f"{path} is not a Parquet file that can be read ({reason}); download it again")
