"""Untrusted text and files: read within bounds, and named without what moves a cursor.

Files of other people may be of any kind and size and hold anything. Here they are held to limits
before memory is spent on them. What is wrong is said as a clause for the caller's sentence: the
caller knows what the file was to be, and what to do.
"""

from __future__ import annotations

import codecs
import errno
import functools
import json
import math
import os
import stat
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, NoReturn

from pydantic import AfterValidator, ValidationError

from edgeval.system.escapes import visible

MAX_DEPTH: Final = 64
"""Lists and objects in each other, of any JSON; genuine files have less than ten."""

_MAX_DIGITS: Final = 100
"""Of an integer. Python refuses 4,300, and 309 are too many for a float."""

_MAX_SHOWN: Final = 200
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # Begins like that of UTF-16.
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class UnreadableError(ValueError):
    """What keeps a content from being read, as a clause: ``it is nested more than 64 deep``."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; nothing is waited for.

    Raises:
        OSError: If there is none, or it is a directory, a pipe, a socket or a device. Its
            ``strerror`` is a clause for the user.
    """
    try:
        _require_regular(path.stat(), path)
        # Without a writer, a pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | _flag("O_NONBLOCK") | _flag("O_BINARY"))
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from error
    file = os.fdopen(descriptor, "rb")
    try:
        _require_regular(os.fstat(descriptor), path)  # It may have been replaced.
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """Return what a regular file holds.

    Args:
        path: The file.
        limit_bytes: The most that is read.

    Raises:
        OSError: As ``open_regular``.
        UnreadableError: If it is longer.
    """
    with open_regular(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes > limit_bytes:
            raise UnreadableError(
                f"it has {n_bytes / 1e6:,.1f} MB, and at most {limit_bytes / 1e6:,.1f} MB are read"
            )
        return file.read(n_bytes)


def read_json(
    path: Path,
    limit_bytes: int,
    *,
    finite: bool = True,
    unique: bool = False,
    bits: int | None = None,
) -> Any:
    """Return what a JSON file holds; see ``parse_json``.

    Args:
        path: The file.
        limit_bytes: The most that is read. Parsed, it takes some 30 times as much at the worst.
        finite: Refuse numbers that are not.
        unique: Refuse an object that has a name twice.
        bits: Refuse integers that take more, beside their sign.

    Raises:
        OSError: If it is no regular file, or cannot be read.
        UnreadableError: If it is too long, or no such JSON.
    """
    return parse_json(read_regular(path, limit_bytes), finite=finite, unique=unique, bits=bits)


def parse_json(
    content: bytes | str, *, finite: bool = True, unique: bool = False, bits: int | None = None
) -> Any:
    """Return what a JSON text holds; all of it can be written as JSON in UTF-8 again.

    Args:
        content: The text; as bytes in UTF-8, or with a byte order mark in UTF-16 or UTF-32, as a
            shell of Windows redirects.
        finite: Refuse ``NaN``, ``Infinity`` and numbers that a float cannot hold. JSON has none,
            and Python's writer makes them.
        unique: Refuse an object that has a name twice; otherwise the last one holds.
        bits: Refuse integers that take more, beside their sign; SQLite holds 63.

    Returns:
        Dictionaries, lists and scalars, no more than ``MAX_DEPTH`` in each other, with integers of
        at most 100 digits and no halves of surrogate pairs.

    Raises:
        UnreadableError: If it is no such text.
    """
    text = content if isinstance(content, str) else decoded(content)
    if not text.strip():
        raise UnreadableError("it is empty")
    try:
        value = json.loads(
            text,
            parse_int=functools.partial(_integer, bits=bits),
            parse_float=_finite if finite else None,
            parse_constant=_refuse_constant if finite else None,
            object_pairs_hook=_unique if unique else None,
        )
    except UnreadableError:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise UnreadableError(f"it is no JSON: {printable(str(error))}") from error
    _require_shallow(value)
    _require_encodable(text, value)
    return value


def decoded(content: bytes) -> str:
    """Return a text in UTF-8, or with a byte order mark in UTF-16 or UTF-32.

    Raises:
        UnreadableError: If it is in another encoding, or no text.
    """
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    if encoding in {"utf-8", "utf-8-sig"} and b"\0" in content:
        raise UnreadableError("it has NUL bytes, so it is no text")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise UnreadableError(f"it is no {name} text: byte {error.start:,}") from error


def printable(text: str, limit: int = _MAX_SHOWN) -> str:
    """Return foreign text for a sentence: one line, no control characters, not too long.

    Args:
        text: The text.
        limit: The most characters of it.
    """
    cut = text if len(text) <= limit else f"{text[:limit]}\N{HORIZONTAL ELLIPSIS}"
    return visible(cut)


def problem(error: ValidationError, whole: str = "the whole file") -> str:
    """Return what a record is refused for first, as ``field: reason`` on one line.

    Args:
        error: What pydantic found.
        whole: What is named where it is not in a field.
    """
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or whole
    reason = " ".join(first["msg"].removeprefix("Value error, ").split())
    return f"{printable(field, 100)}: {printable(reason)}"


def require_moment(when: datetime) -> datetime:
    """Return a moment that can be shown in any time zone, and compared with all others.

    Raises:
        ValueError: If it has no time zone, or is not of this millennium.
    """
    if when.tzinfo is None or not 2000 <= when.year < 3000:
        raise ValueError(f"{when.isoformat()} is no time of this millennium with its zone")
    return when


Moment = Annotated[datetime, AfterValidator(require_moment)]
"""A moment in a record that others wrote."""


def _require_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def _flag(name: str) -> int:
    """Return a flag of ``os.open`` that not every system has."""
    return int(getattr(os, name, 0))


def _integer(digits: str, bits: int | None) -> int:
    if len(digits) > _MAX_DIGITS:
        raise UnreadableError(f"it has an integer of {len(digits.lstrip('-')):,} digits")
    value = int(digits)
    if bits is not None and value.bit_length() > bits:
        raise UnreadableError(f"it has the number {printable(digits, 40)}, which is too large")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UnreadableError(f"it has the number {printable(text, 40)}, which is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableError(f"it has the number {name}, which JSON does not know")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise UnreadableError(f"it has {printable(twice, 60)!r} twice in one object")
    return found


def _require_shallow(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
    if level:
        raise _too_deep()


def _too_deep() -> UnreadableError:
    return UnreadableError(f"it is nested more than {MAX_DEPTH} deep")


def _require_encodable(text: str, value: Any) -> None:
    """Refuse halves of surrogate pairs, which only an escape can bring."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UnreadableError("it has half of a surrogate pair, which is no character") from error
