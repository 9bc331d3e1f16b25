"""Charts of boards: which is how fast, how hungry and how hot, and what minutes of load do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgeval.benchmark.boards import BoardRow, BoardTable
from edgeval.benchmark.columns import UNKNOWN, celsius, significant, tenths
from edgeval.records.sensors import Sustained
from edgeval.report import formatting as fmt
from edgeval.report.charts.chart import OF_PAGE, Chart, Choice, Palette, Spec, tooltip, whole
from edgeval.report.charts.load import has_time, in_words, load_charts

_STEP = 44
"""Pixels of a machine: its name, and below it its bar."""
_MOST_BARS = 20
"""Of a chart, which a sheet of paper holds; the table has all."""
_ROOM_PX = 110
"""For the number at the end of a line."""


@dataclass(frozen=True)
class _Measure:
    """A figure of each machine.

    Attributes:
        label: What a reader chooses.
        title: The title of the axis, with its unit.
        values: A number a machine; None where nobody knows.
        text: Writes one.
        deviations: Standard deviations of repetitions, of no machine by default.
        sources: Where a figure is from, of no machine by default.
    """

    label: str
    title: str
    values: Sequence[float | None]
    text: Callable[[float | None], str] = significant
    deviations: Sequence[float | None] = ()
    sources: Sequence[str] = ()

    def told(self, at: int) -> str:
        """Return the number of a machine as a text."""
        deviation = self.deviations[at] if self.deviations else None
        spread = "" if deviation is None else f" \N{PLUS-MINUS SIGN} {significant(deviation)}"
        return f"{self.text(self.values[at])}{spread}"


def board_chart(table: BoardTable, number: int, palette: Palette = OF_PAGE) -> Chart | None:
    """Return the machines of a table as bars, a figure at a time; None for one machine.

    Args:
        table: The table.
        number: Which of the page it is: no two charts have one name.
        palette: The colours.
    """
    rows = table.rows[:_MOST_BARS]
    if len(rows) < 2:
        return None
    known = [each for each in _measures(table, rows) if set(each.values) != {None}]
    if not known:
        return None
    called, first = machine_names(rows), known[0]
    told = [f"{name}: {first.told(at)}" for at, name in enumerate(called)]
    some = f", the first {len(rows)} of {len(table.rows):,}" if len(table.rows) > len(rows) else ""
    repeated = any(each is not None for measure in known for each in measure.deviations)
    spread = "; \N{PLUS-MINUS SIGN} is the standard deviation of repetitions" if repeated else ""
    return Chart(
        name=f"boards-{number}",
        title=f"Speed, energy and heat by machine{some}{spread}",
        description=f"{first.title}: {'; '.join(told)}.",
        choices=tuple(
            Choice(
                each.label,
                whole(palette, _bars(rows, called, each, palette), height=_STEP * len(rows)),
            )
            for each in known
        ),
        choice="show",
    )


def board_loads(table: BoardTable) -> dict[str, Sustained]:
    """Return the loads of a table that took some time, by what charts call their machines."""
    named = zip(machine_names(table.rows), table.rows, strict=True)
    return {name: row.load for name, row in named if row.load is not None and has_time(row.load)}


def board_load_charts(table: BoardTable, number: int) -> list[Chart]:
    """Return what draws the loads over minutes of a table's machines, none without any."""
    return load_charts(board_loads(table), f"load-{number}")


def load_sentences(table: BoardTable) -> Iterator[str]:
    """Yield each load over minutes in words."""
    for name, load in board_loads(table).items():
        yield in_words(name, load)


def machine_names(rows: Sequence[BoardRow]) -> list[str]:
    """Return what charts call each machine, no two the same."""
    n_devices = Counter(row.device for row in rows)
    called = [
        f"published: {row.device}"
        if row.url
        else row.device
        if n_devices[row.device] == 1
        else f"{row.device} ({row.source})"
        for row in rows
    ]
    if len(set(called)) == len(called):
        return called
    return [f"{number}. {name}" for number, name in enumerate(called, start=1)]


def _measures(table: BoardTable, rows: Sequence[BoardRow]) -> Iterator[_Measure]:
    """Yield what machines are compared by, in the order of the table's columns."""
    for test in table.tests:
        found = [row.speeds.get(test) for row in rows]
        yield _Measure(
            test,
            f"{test}, tokens/s",
            [each.tokens_per_s if each else None for each in found],
            lambda rate: UNKNOWN if rate is None else fmt.rate(rate),
            [each.deviation if each else None for each in found],
        )
    taken = [row.efficiency for row in rows]
    sources, of = [each.source for each in taken], f"of {table.generation}"
    joules, watts = [each.joules_per_token for each in taken], [each.watts for each in taken]
    yield _Measure("J/token", f"joules a token {of}", joules, sources=sources)
    yield _Measure("watts", f"watts {of}", watts, tenths, sources=sources)
    yield _Measure("items/s", "items scored a second", [row.items_per_s for row in rows])
    left = [_percent(each.sustained_share) for each in taken]
    yield _Measure("sustained", "% of the first speed, after minutes of load", left, tenths)
    for device, heats in (
        ("CPU", [each.hottest_c for each in taken]),
        ("GPU", [each.gpu_hottest_c for each in taken]),
    ):
        yield _Measure(f"hottest {device}", f"hottest {device}, \N{DEGREE SIGN}C", heats, celsius)


def _percent(part: float | None) -> float | None:
    # Beside a first speed of nearly nothing, any other is infinitely more.
    return 100 * part if part is not None and math.isfinite(100 * part) else None


def _bars(
    rows: Sequence[BoardRow], called: Sequence[str], measure: _Measure, palette: Palette
) -> Spec:
    drawn = []
    for at, (row, name) in enumerate(zip(rows, called, strict=True)):
        value, source = measure.values[at], measure.sources[at] if measure.sources else ""
        deviation = measure.deviations[at] if measure.deviations else None
        # Watts of unlike kinds are not compared unnoticed.
        line: Spec = {"at": at, "name": f"{name}, by {source}" if source else name}
        line |= {"told": measure.told(at), "kind": "published" if row.url else "measured"}
        if value is not None:
            line["value"] = value
        if value is not None and deviation:
            line |= {"low": value - deviation, "high": value + deviation}
        drawn.append(line)
    return {"data": {"values": drawn}, "layer": list(_layers(drawn, measure, palette))}


def _layers(drawn: Sequence[Spec], measure: _Measure, palette: Palette) -> Iterator[Spec]:
    """Yield what is drawn, from the back to the front."""
    y = {"field": "at", "type": "ordinal", "axis": None, "scale": {"padding": 0}}
    axis = {"title": measure.title, "grid": False, "tickCount": 6}
    x = {"field": "value", "type": "quantitative", "axis": axis}
    fill = {"domain": ["measured", "published"], "range": [palette.close, palette.paper]}
    yield {
        "data": {"values": [row for row in drawn if "value" in row]},
        "mark": {"type": "bar", "size": 12, "yOffset": 9, "stroke": palette.close}
        | {"fillOpacity": 0.5},  # So that intervals are seen upon it.
        "encoding": {
            "x": x,
            "y": y,
            "fill": {"field": "kind", "type": "nominal", "scale": fill, "legend": None},
            "tooltip": tooltip(name="machine", told=measure.title),
        },
    }
    if whiskers := [row for row in drawn if "low" in row]:
        yield {
            "data": {"values": whiskers},
            "mark": {"type": "rule", "yOffset": 9, "strokeWidth": 1.5, "color": palette.ink},
            "encoding": {"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"}},
        }
    # Beside an axis, names would leave no room for bars on a phone.
    text = {"type": "text", "baseline": "bottom", "dy": -1}
    yield {
        "mark": text | {"align": "left", "limit": {"expr": f"max(1, width - {_ROOM_PX})"}},
        "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "name"}},
    }
    yield {
        "mark": text | {"align": "right", "fontWeight": 600},
        "encoding": {"x": {"value": "width"}, "y": y, "text": {"field": "told"}},
    }
