"""Columns and sentences of boards side by side, the same in a terminal and on pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from edgeval.benchmark.boards import PUBLISHED_METER, Best, BoardRow, BoardTable
from edgeval.benchmark.columns import (
    UNKNOWN,
    Column,
    celsius,
    known,
    share,
    significant,
    tenths,
    throttling,
)
from edgeval.errors import listed
from edgeval.report import formatting as fmt

_METERS: Final = frozenset({"typed in", "command", PUBLISHED_METER})
"""Sources that are a meter of the whole machine."""
_PER_PRICE: Final = 100


def columns(table: BoardTable) -> list[Column]:
    """Return the columns of a table that any of its machines has a value in."""
    return known(_columns(table))


def _columns(table: BoardTable) -> Iterator[Column]:
    rows = table.rows
    found = [each.efficiency for each in rows]
    sources, links = [each.source or UNKNOWN for each in rows], [each.url for each in rows]
    yield Column("machine", [each.device for each in rows], is_number=False)
    for name in table.tests:
        yield Column(name, [_speed(each.speeds.get(name)) for each in rows])
    yield Column("tokens/s per watt", [significant(each.tokens_per_joule) for each in found])
    yield Column("J/token", [significant(each.joules_per_token) for each in found], leaves=4)
    yield Column("watts", [tenths(each.watts) for each in found], leaves=8)
    yield Column("watts by", [each.source or UNKNOWN for each in found], is_number=False)
    yield Column("items/s", [significant(each.items_per_s) for each in rows], leaves=7)
    yield Column("items/J", [significant(each.items_per_joule) for each in found], leaves=3)
    currencies = _currencies(table)
    if len(currencies) == 1:
        per_price = [significant(_per_price(table, each)) for each in rows]
        yield Column(f"tokens/s per {_PER_PRICE} {currencies[0]}", per_price, leaves=9)
    yield Column("sustained", [share(each.sustained_share) for each in found], leaves=10)
    yield Column("hottest CPU", [celsius(each.hottest_c) for each in found], leaves=5)
    yield Column("hottest GPU", [celsius(each.gpu_hottest_c) for each in found], leaves=5)
    held = [throttling(each.throttled) for each in found]
    yield Column("throttled", held, is_number=False, leaves=6)
    yield Column("peak memory", [_size(each.peak_rss_bytes) for each in rows], leaves=2)
    yield Column("cold load", [_seconds(each.cold_load_s) for each in rows], leaves=1)
    yield Column("source", sources, is_number=False, links=links)


def answers(table: BoardTable) -> Iterator[str]:
    """Yield which machine is how fast, hungry and hot, of those that records are of."""
    rows = [row for row in table.rows if not row.url]
    test = table.generation if table.generation in table.tests else "".join(table.tests[:1])
    rates = [best.tokens_per_s if (best := row.speeds.get(test)) else None for row in rows]
    kinds = {_kind(row.efficiency.source) for row in rows if row.efficiency.watts is not None}
    # Watts of unlike kinds have no order.
    joules = [row.efficiency.joules_per_token if len(kinds) == 1 else None for row in rows]
    heats = [row.efficiency.hottest_c for row in rows]
    devices = [row.device for row in rows]
    alone = len(rows) == 1
    yield from _best(devices, "Speed" if alone else "Fastest", rates, max, _rate_of(test))
    yield from _best(devices, "Energy" if alone else "Least energy", joules, min, _joules)
    yield from _best(devices, "Hottest CPU" if alone else "Coolest CPU", heats, min, celsius)


def _best(
    devices: Sequence[str],
    what: str,
    values: Sequence[float | None],
    best_of: Callable[[list[float]], float],
    text: Callable[[float], str],
) -> Iterator[str]:
    """Yield who is best; nothing if that is the only one of several machines that is known."""
    known = [
        (device, each) for device, each in zip(devices, values, strict=True) if each is not None
    ]
    if not known or len(known) == 1 < len(devices):
        return
    best = text(best_of([value for _, value in known]))
    # What a reader sees as equal is.
    first = list(dict.fromkeys(device for device, value in known if text(value) == best))
    yield f"{what}: {best} ({listed(first)})."


def _rate_of(test: str) -> Callable[[float], str]:
    return lambda rate: f"{fmt.rate(rate)} tokens/s at {test}"


def _joules(value: float) -> str:
    return f"{significant(value)} J/token"


def sentences(table: BoardTable) -> Iterator[str]:
    """Yield what has to be known of a table's numbers."""
    sources = [row.efficiency.source for row in table.rows if row.efficiency.watts is not None]
    kinds = list(dict.fromkeys(map(_kind, sources)))
    if len(kinds) > 1:
        yield (
            f"Watts are of unlike kinds here ({'; '.join(kinds)}). Compare what follows from them, "
            "such as J/token, only between rows of one kind."
        )
    currencies = _currencies(table)
    if len(currencies) > 1:
        yield f"Prices are in {listed(currencies)}, so no speed stands beside a price."
    published = [f"{row.device} ({row.source})" for row in table.rows if row.url]
    if published:
        yield (
            "Published by others, with other builds of llama.cpp and mean watts of several tests: "
            f"{'; '.join(published)}."
        )


def explanations(tables: Sequence[BoardTable]) -> Iterator[str]:
    """Yield what the columns of several tables are."""
    yield (
        "Tokens/s are those of the fastest number of threads, which stands beside them. The "
        "fastest machine is first, and what others published stands last."
    )
    tests = list(dict.fromkeys(each.generation for each in tables))
    rows = [row for each in tables for row in each.rows]
    if any(row.efficiency.watts is not None for row in rows):
        yield (
            f"Watts, and what follows from them or from a price, are those of {listed(tests)}. "
            "J/token and items/J are whole: what a machine takes idle is in them."
        )
    if any(row.load for row in rows):
        yield (
            "Sustained is the share of the first speed that is left in the last quarter of a load "
            "over minutes."
        )
    yield f"{UNKNOWN} is what nobody measured, or no sensor tells."


def _kind(source: str) -> str:
    """Return what a source measures, in words."""
    if source in _METERS:
        return "a meter of the whole machine"
    return "a chip on the board" if source.startswith("INA") else source


def _currencies(table: BoardTable) -> list[str]:
    return list(dict.fromkeys(row.currency for row in table.rows if row.price is not None))


def _per_price(table: BoardTable, row: BoardRow) -> float | None:
    generated = row.speeds.get(table.generation)
    if row.price is None or generated is None:
        return None
    return generated.tokens_per_s / row.price * _PER_PRICE


def _speed(best: Best | None) -> str:
    if best is None:
        return UNKNOWN
    threads = "" if best.threads is None else f" ({best.threads})"
    return f"{fmt.rate(best.tokens_per_s)}{threads}"


def _size(count: int | None) -> str:
    return UNKNOWN if count is None else fmt.size(count)


def _seconds(count: float | None) -> str:
    return UNKNOWN if count is None else f"{fmt.plain(count, 2)} s"
