"""Boards side by side, shown in a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from edgeval.benchmark.boards import Best, BoardRow, BoardTable
from edgeval.report import formatting as fmt
from edgeval.system.console import stdout_console
from edgeval.system.tables import Table

_UNKNOWN = "\N{EN DASH}"


def print_boards(found: Sequence[BoardTable]) -> None:
    """Print a table a model, and what its numbers mean."""
    console = stdout_console()
    console.print_each([table_of(each) for each in found], are_apart=True)
    console.print(
        "Tokens/s are those of the fastest number of threads, which stands beside them. "
        "Published rows are of other builds of llama.cpp. Powers of different sources are not of "
        "the same thing: a meter's is of the whole machine."
    )


def boards_json(found: Sequence[BoardTable]) -> str:
    """Return the tables as a JSON array."""
    return json.dumps([asdict(each) for each in found], indent=2)


def table_of(found: BoardTable) -> Table:
    """Return one line a machine."""
    has_watts = any(row.watts is not None for row in found.rows)
    titles = ["machine", *found.tests, "items/s", "cold load", "peak memory"]
    titles += [*(["watts", "by", "tg128 per watt"] if has_watts else []), "source"]
    table = Table.of(
        f"{found.model} ({found.type})",
        titles,
        numbers=tuple(title for title in titles if title not in ("machine", "by", "source")),
        leaving=("source", "peak memory", "cold load"),
    )
    for row in found.rows:
        table.add_row(
            row.device,
            *(_speed(row.speeds.get(name)) for name in found.tests),
            _UNKNOWN if row.items_per_s is None else f"{row.items_per_s:,.2f}",
            _UNKNOWN if row.cold_load_s is None else f"{row.cold_load_s:.2f} s",
            _UNKNOWN if row.peak_rss_bytes is None else fmt.size(row.peak_rss_bytes),
            *(_power(row) if has_watts else ()),
            row.source,
        )
    return table


def _speed(best: Best | None) -> str:
    if best is None:
        return _UNKNOWN
    threads = "" if best.threads is None else f" ({best.threads})"
    return f"{fmt.rate(best.tokens_per_s)}{threads}"


def _power(row: BoardRow) -> tuple[str, str, str]:
    generated = row.speeds.get("tg128")
    if row.watts is None:
        return _UNKNOWN, _UNKNOWN, _UNKNOWN
    share = _UNKNOWN if generated is None else f"{generated.tokens_per_s / row.watts:.2f}"
    return f"{row.watts:.1f}", row.power_source, share
