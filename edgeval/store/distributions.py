"""Distributions in the store: top log-probabilities of a key, and divergences from others'."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from edgeval.stats.positions import STARTS, RangeSums
from edgeval.stats.top_logprobs import ItemDivergence, TopLogprobs, is_current, pack, unpack
from edgeval.store.schema import checksum

_COLUMNS = tuple(field.name for field in fields(ItemDivergence))
_NAMES = ", ".join(_COLUMNS)
_ITEM_DIVERGENCE = TypeAdapter(ItemDivergence)
_RANGES = TypeAdapter(tuple[RangeSums, ...])


class Distributions:
    """What the store holds of one setting's next-token distributions; part of a ``StoredRun``.

    What has changed on the disk is not there, and neither are sketches and divergences of another
    version: they are of few items, which are decoded again, and what that gives is put in their
    place.
    """

    def __init__(self, connection: sqlite3.Connection, number: int, key: str) -> None:
        self._connection = connection
        self._number = number
        self._key = key

    def sketches(self, items: Set[int]) -> dict[int, TopLogprobs]:
        """Return the sketches that are there of some items, by their indices."""
        rows = self._connection.execute(
            "SELECT item, packed, checksum FROM sketch WHERE measurement = ?", (self._number,)
        )
        found = {}
        for item, packed, expected in rows:
            is_whole = item in items and checksum(self._key, item, packed) == expected
            if is_whole and is_current(packed):
                # A checksum is no proof: who made the file may have made it.
                with contextlib.suppress(ValueError, struct.error, zlib.error):
                    found[item] = unpack(packed)
        return found

    def add_sketches(self, sketches: Mapping[int, TopLogprobs]) -> None:
        """Add sketches by index."""
        packed = {item: pack(sketch) for item, sketch in sketches.items()}
        self._connection.executemany(
            "INSERT OR REPLACE INTO sketch VALUES (?, ?, ?, ?)",
            [
                (self._number, item, content, checksum(self._key, item, content))
                for item, content in packed.items()
            ],
        )

    def divergences(self, reference: str, items: Set[int]) -> dict[int, ItemDivergence]:
        """Return the divergences that are there of some items, by their indices.

        Args:
            reference: Hash that tells the reference from all others; see ``measure.Sketches``.
            items: Indices of the items.
        """
        rows = self._connection.execute(
            f"SELECT item, {_NAMES}, checksum FROM divergence "
            "WHERE measurement = ? AND reference = ?",
            (self._number, reference),
        )
        found = {}
        for item, *row, expected in rows:
            if item in items and checksum(self._key, reference, item, *row) == expected:
                with contextlib.suppress(ValueError):
                    found[item] = _divergence(row)
        return found

    def add_divergences(self, reference: str, divergences: Mapping[int, ItemDivergence]) -> None:
        """Add divergences from a reference by index."""
        rows = [(reference, item, *_row(each)) for item, each in divergences.items()]
        places = ", ".join("?" * (len(_COLUMNS) + 4))
        self._connection.executemany(
            f"INSERT OR REPLACE INTO divergence (measurement, reference, item, {_NAMES}, checksum)"
            f" VALUES ({places})",
            [(self._number, *row, checksum(self._key, *row)) for row in rows],
        )


def _row(divergence: ItemDivergence) -> tuple[Any, ...]:
    """Return a divergence as columns have it; its ranges, the last of them, as JSON."""
    sums = [getattr(divergence, name) for name in _COLUMNS[:-1]]
    return (*sums, _RANGES.dump_json(divergence.by_range).decode())


def _divergence(row: Sequence[Any]) -> ItemDivergence:
    """Return what columns have.

    Raises:
        ValueError: If it is no divergence that edgeval writes.
    """
    ranges = _RANGES.validate_json(str(row[-1]))
    values = dict(zip(_COLUMNS, (*row[:-1], ranges), strict=True))
    found = _ITEM_DIVERGENCE.validate_python(values)
    counts = [each.n_positions for each in ranges]
    if sum(counts) != found.n_positions or min(counts) < 1 or len(counts) >= len(STARTS):
        raise ValueError("its ranges are not those of its positions")
    return found
