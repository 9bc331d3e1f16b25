"""Rows of a damaged store, as far as SQLite can still read them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeval.store.connection import connect
from edgeval.store.schema import checksum

Row = tuple[Any, ...]

_MOST_NUMBERS = 200_000
"""Numbers are looked up one by one below this; a damaged one may be of any size."""

_MEASUREMENT = "id, key, attempt, setting, file, data, created_at, checksum"
_PLAN = "id, measurement, facts, device, tokens_decoded, logit_rows, elapsed_s, checksum"
_SCORE = "measurement, item, plan, score, checksum"
_STINT = "id, plan, speed, checksum"

# SQLite quotes damaged names in what it says, and these need not be UTF-8.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)

_PAGE_SIZE_AT, _N_PAGES_AT = 16, 28


@dataclass(frozen=True)
class Rescued:
    """Rows whose checksums are right, ready for the tables of a new store.

    Attributes:
        measurements: By their numbers.
        plans: By their numbers; each with the text of its items.
        scores: By the numbers of their measurements and their items.
        stints: By their numbers.
        n_lost: Rows that were found but had changed, or whose measurement or plan was not found.
            A plan counts that has only the items it scored, for the list of them had changed.
    """

    measurements: dict[int, Row]
    plans: dict[int, Row]
    scores: dict[tuple[int, int], Row]
    stints: dict[int, Row]
    n_lost: int

    def joined(self, other: Rescued) -> Rescued:
        """Return what was found here or by another attempt, of which the better one counts."""
        return Rescued(
            self.measurements | other.measurements,
            self.plans | other.plans,
            self.scores | other.scores,
            self.stints | other.stints,
            min(self.n_lost, other.n_lost),
        )


def rescue(path: Path) -> Rescued:
    """Read every row that can be read; a bad page takes its own rows only.

    Tables are read from both ends, up to the first bad page. Between, each number is looked up.

    Args:
        path: The store; a copy, for SQLite may write to it.
    """
    with _reading(path) as connection:
        return _Reader(connection).rescued()


def put_first_page(path: Path, new: Path) -> None:
    """Give a store the first page of a new one, which says where the tables are.

    The page holds the file's header and the schema. They are the same in all stores of a version,
    but for the number of pages. The format: https://www.sqlite.org/fileformat.html.
    """
    with new.open("rb") as file:
        (page_size,) = struct.unpack_from(">H", file.read(100), _PAGE_SIZE_AT)
        file.seek(0)
        page = bytearray(file.read(page_size))
    n_pages = path.stat().st_size // page_size
    struct.pack_into(">I", page, _N_PAGES_AT, n_pages)
    if n_pages:
        with path.open("r+b") as file:
            file.write(page)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(path)
    try:
        # A changed text need not be UTF-8; its checksum tells.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        # A file that is shorter than its header says is read all the same.
        connection.execute("PRAGMA writable_schema = ON")
        yield connection
    finally:
        connection.close()


class _Reader:
    """Reads the tables of a damaged store that hold what took long to compute."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rescued(self) -> Rescued:
        """Return the rows that can be read and have not changed."""
        scores, scores_end = self._scan(_SCORE, "score", "measurement", "item")
        plans, plans_end = self._scan(_PLAN, "plan", "id")
        measurements, measurements_end = self._scan(_MEASUREMENT, "measurement", "id")
        if not measurements_end:
            seen = _most([*_column(measurements, 0), *_column(plans, 1), *_column(scores, 0)])
            measurements |= self._look_up(_MEASUREMENT, "measurement", "id", range(1, seen + 1))
        if not plans_end:
            seen = _most([*_column(plans, 0), *_column(scores, 2)])
            plans |= self._look_up(_PLAN, "plan", "id", range(1, seen + 1))
        # A damaged schema may take the numbers away.
        whole = {
            row[0]: row
            for row in measurements
            if row[0] is not None and checksum(*row[1:-1]) == row[-1]
        }
        keys = {number: row[1] for number, row in whole.items()}
        heads = {
            row[0]: row
            for row in plans
            if row[0] is not None
            and row[1] in keys
            and checksum(keys[row[1]], *row[2:-1]) == row[-1]
        }
        items = {number: self._items(number, keys[row[1]]) for number, row in heads.items()}
        if not scores_end:
            places = [place for each in items.values() if each for place in json.loads(each)]
            seen = _most([*places, *_column(scores, 1)])
            for number in whole:
                where = f"measurement = {number} AND item"
                scores |= self._look_up(_SCORE, "score", where, range(seen + 1))
        good = {
            (row[0], row[1]): row
            for row in scores
            if row[0] in keys and row[2] in heads and checksum(keys[row[0]], *row[1:-1]) == row[-1]
        }
        full = {
            number: (*head, checksum(keys[head[1]], text), text)
            for number, head in heads.items()
            if (text := items[number] or _items_of(number, good.values()))
        }
        stints, n_changed = self._stints({number: keys[head[1]] for number, head in full.items()})
        n_found = len(measurements) + len(plans) + len(scores)
        n_whole = len(whole) + sum(map(bool, items.values())) + len(good)
        return Rescued(whole, full, good, stints, n_found - n_whole + n_changed)

    def _stints(self, key_of_plan: dict[int, str]) -> tuple[dict[int, Row], int]:
        """Return the stints of plans that were found, and how many of them had changed."""
        found, is_end = self._scan(_STINT, "stint", "id")
        if not is_end:
            seen = _most(_column(found, 0))
            found |= self._look_up(_STINT, "stint", "id", range(1, seen + 1))
        ours = [row for row in found if row[0] is not None and row[1] in key_of_plan]
        whole = {
            row[0]: row for row in ours if checksum(key_of_plan[row[1]], *row[1:-1]) == row[-1]
        }
        return whole, len(ours) - len(whole)

    def _scan(self, columns: str, table: str, *key: str) -> tuple[set[Row], bool]:
        """Return the rows up to the first bad page from either end, and whether there is none."""
        found: set[Row] = set()
        for direction in ("", " DESC"):
            order = ", ".join(name + direction for name in key)
            try:
                for row in self._connection.execute(
                    f"SELECT {columns} FROM {table} ORDER BY {order}"
                ):
                    found.add(row)
            except _DAMAGE:
                continue
            if not direction:
                return found, True
        return found, False

    def _look_up(self, columns: str, table: str, where: str, numbers: Iterable[int]) -> set[Row]:
        """Return the rows with these numbers that are on pages which can be read."""
        found: set[Row] = set()
        for number in numbers:
            with contextlib.suppress(*_DAMAGE):
                found.update(
                    self._connection.execute(
                        f"SELECT {columns} FROM {table} WHERE {where} = ?", (number,)
                    )
                )
        return found

    def _items(self, number: int, key: str) -> str | None:
        """Return the text of a plan's items, unless it cannot be read or has changed."""
        for expected, text in self._look_up("items_checksum, items", "plan", "id", [number]):
            if checksum(key, text) == expected:
                return str(text)
        return None


def _items_of(plan: int, scores: Iterable[Row]) -> str | None:
    """Return the items that were scored in a plan, as the text of a plan's items."""
    places = sorted(row[1] for row in scores if row[2] == plan)
    return json.dumps(places) if places else None


def _column(rows: Iterable[Row], index: int) -> list[Any]:
    return [row[index] for row in rows]


def _most(values: Iterable[Any]) -> int:
    """Return the largest of the numbers that are no larger than what is looked up."""
    numbers = (value for value in values if isinstance(value, int) and value < _MOST_NUMBERS)
    return max(numbers, default=0)
