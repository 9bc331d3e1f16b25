"""What a section hands back, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Bar:
    """A measured value and the limit it is held to.

    Attributes:
        name: What is measured, with its unit.
        value: The measurement.
        relation: On which side of the limit it has to be.
        limit: The limit.
    """

    name: str
    value: float
    relation: Literal["<=", ">="]
    limit: float

    @property
    def met(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit

    def as_json(self) -> dict[str, Any]:
        """Return the bar as a JSON object."""
        return {**vars(self), "met": self.met}


@dataclass(frozen=True)
class Section:
    """One comparison.

    Attributes:
        title: Its heading.
        text: Its tables and sentences, in Markdown.
        result: The same as JSON, with every value measured.
        bars: What it is held to.
    """

    title: str
    text: str
    result: dict[str, Any]
    bars: list[Bar] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the section with its bars."""
        parts = [f"## {self.title}", self.text]
        if self.bars:
            rows = [
                [bar.name, f"{bar.value:.3g}", f"{bar.relation} {bar.limit:g}", _kept(bar.met)]
                for bar in self.bars
            ]
            parts.append(table(["bar", "measured", "limit", "kept"], rows))
        return "\n\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return the section as a JSON object."""
        return {**self.result, "bars": [bar.as_json() for bar in self.bars]}


def _kept(met: bool) -> str:
    return "yes" if met else "**no**"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
