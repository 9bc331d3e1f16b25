"""Text of a card: TOML, whose numbers keep the decimals that were printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeval.errors import EdgevalError
from edgeval.records.claims import MOST_DECIMALS
from edgeval.system.untrusted import UnreadableError, decoded, printable, read_regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_BYTES = 200_000
"""Genuine cards have some thousand."""
_MAX_POINTS = 2000
"""A name of n parts takes Python's reader time and memory by n squared."""


class _Printed(float):
    """A number that keeps how it was written, for its decimals were published too."""

    def __new__(cls, text: str) -> _Printed:
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str


def read(path: Path) -> str:
    """Return the text of a card's file.

    Raises:
        EdgevalError: If it cannot be read, or is too long or no text.
    """
    try:
        return decoded(read_regular(path, _MAX_BYTES))
    except OSError as error:
        raise EdgevalError(f"cannot read {path} ({error.strerror}); check it") from error
    except UnreadableError as error:
        raise no_toml(path, error) from error


def content(text: str, path: Path) -> dict[str, Any]:
    """Return what a card's text says, each number with its decimals.

    Args:
        text: The text.
        path: Its file, which errors name.

    Raises:
        EdgevalError: If it is no TOML.
    """
    try:
        if text.count(".") > _MAX_POINTS:
            raise UnreadableError(f"it has more than {_MAX_POINTS:,} points")
        return _as_printed(tomllib.loads(text, parse_float=_Printed))
    # Python's reader descends into each bracket, and refuses long numbers by itself.
    except (ValueError, RecursionError) as error:
        raise no_toml(path, error) from error


def no_toml(path: Path, error: ValueError | RecursionError) -> EdgevalError:
    """Return the error for a card's file that is no TOML, or is nested too deeply."""
    reason = printable(str(error)) if isinstance(error, ValueError) else "too deeply nested"
    return EdgevalError(f"{path} is not TOML ({reason}); correct it")


def _as_printed(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a card holds, with the decimals of its numbers and the average of its claims.

    Binary numbers have lost the zeros at their end.
    """
    average = content.get("average")
    if isinstance(average, int | _Printed):
        average = content["average"] = {"value": average, "decimals": _decimals(average)}
    for claim in _tables(content.get("claims")):
        if isinstance(value := claim.get("value"), int | _Printed):
            claim.setdefault("decimals", _decimals(value))
        if average is not None:
            claim.setdefault("row_average", average)
    return content


def _decimals(number: int | _Printed) -> int:
    text = number.text if isinstance(number, _Printed) else ""
    digits = text.replace("_", "").partition(".")[2]
    return min(len(digits), MOST_DECIMALS) if digits.isdecimal() else 0


def _tables(value: object) -> Iterator[dict[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()
