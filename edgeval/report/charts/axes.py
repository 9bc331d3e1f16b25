"""Axes that types are laid out along: file size, bits per weight, speed, energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.report.charts.chart import Spec

_BIT_TICKS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)


@dataclass(frozen=True)
class Axis:
    """What a type costs.

    Attributes:
        label: What a reader chooses.
        field: The column of a chart's rows.
        title: The title of the axis, with its unit.
        is_log: Whether it is logarithmic; types are spread evenly there.
        ticks: Where it has ticks; None where the library chooses.
        more_is_better: Whether a reader wants much of it.
    """

    label: str
    field: str
    title: str
    is_log: bool = True
    ticks: tuple[float, ...] | None = None
    more_is_better: bool = False

    @property
    def encoding(self) -> Spec:
        """Its encoding."""
        scale: Spec = {"type": "log", "nice": False} if self.is_log else {"zero": False}
        axis: Spec = {"title": self.title, "grid": False, "tickCount": 6, "format": "~r"}
        if self.ticks is not None:
            axis |= {"values": list(self.ticks)}
        return {
            "field": self.field,
            "type": "quantitative",
            "scale": scale | {"padding": 36},
            "axis": axis,
        }


SIZE = Axis("file size", "mebibytes", "file size, MiB (logarithmic)")
BITS = Axis("bits per weight", "bits", "bits per weight (logarithmic)", ticks=_BIT_TICKS)
SPEED = Axis("tokens/s", "tokens_per_s", "tokens/s", is_log=False, more_is_better=True)
ENERGY = Axis("joules an item", "joules_per_item", "joules an item", is_log=False)


def known_axes(rows: Sequence[Spec]) -> list[Axis]:
    """Return the axes along which at least two types are known."""
    return [
        axis
        for axis in (SIZE, BITS, SPEED, ENERGY)
        if sum(row.get(axis.field) is not None for row in rows) >= 2
    ]
