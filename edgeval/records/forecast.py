"""Forecast: what a run will take, known before the wait."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from edgeval.records.base import Record
from edgeval.records.context import Machine


class Range(Record):
    """A number that is foretold, and between what it is expected to be.

    Attributes:
        low: The lower end.
        value: The best guess.
        high: The upper end.
    """

    low: float = Field(ge=0)
    value: float = Field(ge=0)
    high: float = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.low:g}, {self.value:g} and {self.high:g} are in no order")
        return self

    def times(self, factor: float) -> Range:
        """Return so many times all three numbers."""
        return Range(low=self.low * factor, value=self.value * factor, high=self.high * factor)


def sum_of(ranges: list[Range]) -> Range:
    """Return the sum of numbers that err together: a machine that is slower is so for all."""
    return Range(
        low=sum(each.low for each in ranges),
        value=sum(each.value for each in ranges),
        high=sum(each.high for each in ranges),
    )


class PartForecast(Record):
    """One file on one task.

    Attributes:
        label: What reports call the file.
        type: llama.cpp's name for how it is quantized.
        task: Name of the task.
        n_items: Items that are scored; of an evaluation that stops early, as many as that takes.
        n_stored: Items that the store has scores of, which take no time.
        tokens_per_s: Tokens a second of the batches that were tried; None if none was.
        time_s: Seconds of loading and scoring.
        memory_bytes: What the process that computes will hold at most, in bytes.
    """

    label: str
    type: str
    task: str
    n_items: Range
    n_stored: int = Field(ge=0)
    tokens_per_s: float | None = Field(default=None, gt=0)
    time_s: Range
    memory_bytes: int = Field(ge=0)


class EnergyForecast(Record):
    """Energy by one source.

    Attributes:
        source: What told the power during the calibration.
        watts: Mean power then, in watts.
        joules: Energy of the run.
    """

    source: str
    watts: float = Field(ge=0)
    joules: Range


class Alternative(Record):
    """A cheaper run.

    Attributes:
        options: What to add to the command, or to change in it.
        time_s: Seconds that it takes.
        meaning: What is had for it.
    """

    options: str
    time_s: Range
    meaning: str


class Forecast(Record):
    """What a run will take.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What foretold it.
        created_at: When, in UTC.
        command: The command that made it; empty if it was none.
        device: The machine.
        threads: CPU threads.
        calibration_s: Seconds that the trial took.
        parts: The files on their tasks, in the order in which they are scored.
        time_s: Seconds of all of them.
        memory_bytes: The most memory of edgeval's processes together, in bytes.
        free_bytes: Memory that is free now.
        energy: Energy by each source of power.
        alternatives: Cheaper runs, the cheapest last.
    """

    schema_version: Literal[1] = 1
    edgeval_version: str
    created_at: datetime
    command: str = ""
    device: Machine
    threads: int = Field(ge=1)
    calibration_s: float = Field(ge=0)
    parts: list[PartForecast] = Field(min_length=1)
    time_s: Range
    memory_bytes: int = Field(ge=0)
    free_bytes: int | None = None
    energy: list[EnergyForecast] = Field(default_factory=list)
    alternatives: list[Alternative] = Field(default_factory=list)
