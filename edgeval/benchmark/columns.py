"""Columns: texts of a table, the same in a terminal and on pages; what nobody has is left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edgeval.report import formatting as fmt

UNKNOWN: Final = "\N{EN DASH}"
_DIGITS: Final = 3
_MOST_DECIMALS: Final = 6


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: What stands above it.
        cells: A text a row.
        is_number: Whether they are flush right.
        leaves: As which it is left out of a narrow screen; 0 for never.
        links: An address a row, empty for none; of no row by default.
    """

    title: str
    cells: list[str]
    is_number: bool = True
    leaves: int = 0
    links: Sequence[str] = ()

    def link(self, at: int) -> str:
        """Return the address of a row; empty for none."""
        return self.links[at] if at < len(self.links) else ""


def known(columns: Iterable[Column]) -> list[Column]:
    """Return the columns that have a value in any row, and the first, which names the rows."""
    found = list(columns)
    return [each for at, each in enumerate(found) if at == 0 or set(each.cells) - {UNKNOWN}]


def significant(value: float | None) -> str:
    """Return a number of which nobody knows how large it is, with three digits or more."""
    if value is None:
        return UNKNOWN
    size = math.floor(math.log10(abs(value))) if value else 0
    return fmt.plain(value, min(_MOST_DECIMALS, max(0, _DIGITS - 1 - size)))


def tenths(value: float | None) -> str:
    """Return a number with a decimal."""
    return UNKNOWN if value is None else fmt.plain(value, 1)


def share(value: float | None) -> str:
    """Return a share in percent with a decimal."""
    return UNKNOWN if value is None else f"{fmt.plain(100 * value, 1)}%"


def celsius(value: float | None) -> str:
    """Return a temperature in whole degrees."""
    return UNKNOWN if value is None else f"{fmt.plain(value, 0)} \N{DEGREE SIGN}C"


def throttling(names: Sequence[str] | None) -> str:
    """Return what held clocks back; that nothing did, where that is known."""
    return UNKNOWN if names is None else ", ".join(names) or "no"
