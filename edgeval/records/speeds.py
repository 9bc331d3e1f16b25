"""Speeds: how fast a model was scored, with all that a speed depends on."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from edgeval.records.base import Record
from edgeval.records.context import Machine
from edgeval.records.sensors import Energy, Heat

_LEAST_S = 1e-9
"""No clock tells less, and a rate of it may be no number."""

_LEAST_WATCHED_S = 1.0
"""Sensors are read once a second: of less they tell too little."""

_FEWEST_PARTS = 5
"""Fewer say too little of how much a speed varies."""

_MOST_SOURCES = 20
_MOST, _MOST_SQUARED = 2**48, 1e36
"""Bounds of what others may write: what is computed of them stays finite."""

_LEAST_LOAD, _SHARE_OF_CPUS = 0.25, 0.1
"""Below the first, in CPUs, is what any idle system does; the second share slows a computation by
what it takes of the memory's bandwidth, even where a CPU is free for each thread."""


class Parts(Record):
    """The parts of a time that something was computed in, as sums: how much its speed varied.

    A part is what was computed between two times of saving, a second or a batch that takes longer:
    batches that follow each other in less are alike, and would tell of less variation.

    Attributes:
        n: Number of parts.
        tokens_squared: Sum of the squares of their tokens.
        tokens_seconds: Sum of their tokens times their seconds.
        seconds_squared: Sum of the squares of their seconds.
    """

    n: int = Field(ge=1, le=_MOST)
    tokens_squared: float = Field(ge=0, le=_MOST_SQUARED)
    tokens_seconds: float = Field(ge=0, le=_MOST_SQUARED)
    seconds_squared: float = Field(ge=0, le=_MOST_SQUARED)

    @classmethod
    def of(cls, tokens: int, seconds: float) -> Parts:
        """Return one part."""
        return cls(
            n=1,
            tokens_squared=float(tokens * tokens),
            tokens_seconds=tokens * seconds,
            seconds_squared=seconds * seconds,
        )

    def __add__(self, other: Parts) -> Parts:
        """Return both together."""
        return Parts(
            n=self.n + other.n,
            tokens_squared=self.tokens_squared + other.tokens_squared,
            tokens_seconds=self.tokens_seconds + other.tokens_seconds,
            seconds_squared=self.seconds_squared + other.seconds_squared,
        )

    def error(self, rate: float, seconds: float) -> float | None:
        """Return the standard error of their rate; None with fewer than two.

        The rate is a ratio of two sums, so what varies is how far each part's tokens are from those
        that its seconds would have at the rate (Cochran 1977, Sampling Techniques, chapter 6).

        Args:
            rate: All tokens over all seconds.
            seconds: All seconds.
        """
        if self.n < 2:
            return None
        squares = self.tokens_squared - 2 * rate * self.tokens_seconds
        squares += rate * rate * self.seconds_squared
        # Rounding may leave less than nothing of parts that are all the same.
        return math.sqrt(max(0.0, squares) * self.n / (self.n - 1)) / seconds


class Speed(Record):
    """What one command took to score items of one model: a time is never summed over others' work.

    Attributes:
        device: The machine.
        threads: CPU threads; None if it is not known, since an older edgeval did not keep it.
        measured_at: When scoring began, in UTC; None if it is not known.
        n_items: Number of items whose choices were all decoded.
        tokens_decoded: Tokens decoded.
        logit_rows: Rows of logits computed.
        elapsed_s: Seconds of scoring, without loading.
        tokens_per_s: ``tokens_decoded / elapsed_s``, whatever is given; None if no time passed, or
            the threads are not known: then it may be the work of several commands.
        tokens_per_s_error: Its standard error over the parts of the time, whatever is given; None
            with fewer than five of them, and where ``tokens_per_s`` is.
        parts: Those parts; None if an older edgeval did not keep them.
        load_s: Seconds of loading the model; None if it is not known.
        n_cpus: Number of CPUs that the process might use; None if it is not known.
        cpu_load: How many of these other processes kept busy meanwhile, on average; None if the
            platform does not say, or it was over too soon to tell. What others compute on a GPU is
            not in it.
        energy: What it took meanwhile, by each source, a meter before what a part of the machine
            counts of itself; left out where nothing tells it.
        heat: How hot it was meanwhile, and what held clocks back; left out where nothing tells it.
    """

    device: Machine
    threads: int | None = Field(default=None, ge=1)
    measured_at: datetime | None = None
    n_items: int = Field(ge=0)
    tokens_decoded: int = Field(ge=0)
    logit_rows: int = Field(ge=0)
    elapsed_s: float = Field(ge=0)
    tokens_per_s: float | None = None
    tokens_per_s_error: float | None = None
    parts: Parts | None = None
    load_s: float | None = Field(default=None, ge=0)
    n_cpus: int | None = Field(default=None, ge=1)
    cpu_load: float | None = Field(default=None, ge=0)
    energy: list[Energy] = Field(default_factory=list, max_length=_MOST_SOURCES)
    heat: Heat | None = None

    @model_serializer(mode="wrap")
    def _as_older_ones(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what an older edgeval did not keep: its exported runs stay what they were."""
        unknown = {"parts", "tokens_per_s_error"} if self.parts is None else set()
        unknown |= set() if self.energy else {"energy"}
        unknown |= {"heat"} if self.heat is None else set()
        return {name: value for name, value in handler(self).items() if name not in unknown}

    @model_validator(mode="after")
    def _with_rate(self) -> Speed:
        """Derive the rate and its error from what they are made of: no record can hold others."""
        is_known = self.elapsed_s >= _LEAST_S and self.threads is not None
        rate = self.tokens_decoded / self.elapsed_s if is_known else None
        error = None
        if rate is not None and self.parts is not None and self.parts.n >= _FEWEST_PARTS:
            error = self.parts.error(rate, self.elapsed_s)
        object.__setattr__(self, "tokens_per_s", rate)
        object.__setattr__(self, "tokens_per_s_error", error)
        return self

    @property
    def told_energy(self) -> list[Energy]:
        """Energy by the sources that measured any, over items and for long enough to tell."""
        return [
            each
            for each in self.energy
            if each.joules > 0 and each.seconds >= _LEAST_WATCHED_S and self.n_items
        ]

    @property
    def joules_per_item(self) -> float | None:
        """Energy of an item by the first source, with what the machine takes idle."""
        return self.told_energy[0].joules / self.n_items if self.told_energy else None

    @property
    def watt_hours(self) -> float | None:
        """Energy of all items by the first source, with what the machine takes idle."""
        return self.told_energy[0].watt_hours if self.told_energy else None

    @property
    def told_heat(self) -> Heat | None:
        """Heat over items, and for long enough to tell; None if it is not known."""
        is_told = self.heat is not None and self.heat.seconds >= _LEAST_WATCHED_S
        return self.heat if is_told and self.n_items else None

    @property
    def is_loaded(self) -> bool:
        """Whether other processes kept so much busy that it would be faster without them."""
        if self.cpu_load is None or self.n_cpus is None or self.cpu_load < _LEAST_LOAD:
            return False
        wanted = (self.threads or 0) + self.cpu_load
        return wanted > self.n_cpus or self.cpu_load >= _SHARE_OF_CPUS * self.n_cpus

    def is_of_same_command(self, other: Speed) -> bool:
        """Return whether another is of the same command; of an unknown one, of the same machine."""
        return (self.device, self.threads, self.measured_at) == (
            other.device,
            other.threads,
            other.measured_at,
        )


def by_command(parts: Iterable[Speed]) -> list[Speed]:
    """Return one speed a command, of parts of its work; in the order of their first parts."""
    groups: list[list[Speed]] = []
    for part in parts:
        group = next((each for each in groups if part.is_of_same_command(each[0])), None)
        if group is None:
            groups.append([part])
        else:
            group.append(part)
    return [_sum(group) for group in groups]


def _sum(parts: Sequence[Speed]) -> Speed:
    """Return what one command took, of the parts of its work."""
    first = parts[0]
    if len(parts) == 1:
        return first
    loading = [part.load_s for part in parts if part.load_s is not None]
    loads = [(part.cpu_load, part.elapsed_s) for part in parts if part.cpu_load is not None]
    seconds = sum(elapsed_s for _, elapsed_s in loads)
    # Parts that are not all of the work say nothing of its speed.
    varied = [part.parts for part in parts if part.tokens_decoded]
    known = [each for each in varied if each is not None]
    is_whole = bool(known) and len(known) == len(varied)
    return Speed(
        device=first.device,
        threads=first.threads,
        measured_at=first.measured_at,
        n_items=sum(part.n_items for part in parts),
        tokens_decoded=sum(part.tokens_decoded for part in parts),
        logit_rows=sum(part.logit_rows for part in parts),
        elapsed_s=sum(part.elapsed_s for part in parts),
        parts=functools.reduce(operator.add, known) if is_whole else None,
        load_s=sum(loading) if loading else None,
        n_cpus=first.n_cpus,
        cpu_load=sum(load * part_s for load, part_s in loads) / seconds if seconds else None,
        energy=sum_of_energy([part.energy for part in parts if part.tokens_decoded]),
        heat=sum_of_heat(part.heat for part in parts if part.tokens_decoded),
    )


def sum_of_energy(parts: Sequence[Sequence[Energy]]) -> list[Energy]:
    """Return the energy of parts together, by the sources that tell that of each."""
    of_source: dict[str, list[Energy]] = {}
    for part in parts:
        for each in part:
            of_source.setdefault(each.source, []).append(each)
    whole = [found for found in of_source.values() if len(found) == len(parts)]
    return [functools.reduce(operator.add, found) for found in whole]


def sum_of_heat(parts: Iterable[Heat | None]) -> Heat | None:
    """Return the heat of parts together, of those that tell it; None where none does."""
    known = [each for each in parts if each is not None]
    return functools.reduce(operator.add, known) if known else None
