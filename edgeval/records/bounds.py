"""Bounds of a record that somebody else wrote: what is beyond is no measurement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from edgeval.system.untrusted import printable

MAX_BYTES: Final = 24_000_000
"""Of a record's file. All items of the split lost and gained by twenty types have some 20 MB."""

_MAX_INTEGER: Final = 2**63 - 1
_MAX_NUMBER: Final = 1e15
_MAX_CHARACTERS: Final = 20_000
_MAX_MEMBERS: Final = 1_000
_MAX_OF: Final = {
    "flips": 100_000,
    "runs": 200,
    "drift": 200,
    "failures": 200,
    "metrics": 20,
    "samples": 100_000,
    "rates": 200_000,
}
"""What may hold more than others, or less: pages have a table of some of them by another.

Sensors give 86,400 samples a day.
"""


def beyond(content: Any) -> str | None:
    """Return where parsed JSON holds more than a record does, as ``field: reason``, or None.

    Args:
        content: Dictionaries, lists and scalars, as ``foreign.read_json`` returns them.
    """
    return next(_beyond(content, ()), None)


def _beyond(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if reason := _reason(value, path):
        yield f"{printable('.'.join(path), 100) or 'the whole file'}: {reason}"
    elif isinstance(value, dict):
        for name, each in value.items():
            if len(name) > _MAX_CHARACTERS:
                yield f"{printable('.'.join(path), 100) or 'the whole file'}: a name is too long"
            yield from _beyond(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _beyond(each, (*path, str(index)))


def _reason(value: Any, path: tuple[str, ...]) -> str | None:
    if isinstance(value, int):
        return None if abs(value) <= _MAX_INTEGER else "the integer has more than 64 bits"
    if isinstance(value, float):
        return None if abs(value) <= _MAX_NUMBER else f"{value:g} is too large"
    if isinstance(value, str):
        return _too_many(len(value), _MAX_CHARACTERS, "characters")
    if isinstance(value, dict | list):
        most = _MAX_OF.get(path[-1], _MAX_MEMBERS) if path else _MAX_MEMBERS
        return _too_many(len(value), most, "members")
    return None


def _too_many(count: int, most: int, what: str) -> str | None:
    return None if count <= most else f"{count:,} {what}, and at most {most:,} are read"
