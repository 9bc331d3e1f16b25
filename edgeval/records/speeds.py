"""Speeds: how fast a model was scored, with all that a speed depends on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import Field, model_validator

from edgeval.records.base import Record
from edgeval.records.context import Machine

_LEAST_S = 1e-9
"""No clock tells less, and a rate of it may be no number."""

_LEAST_LOAD, _SHARE_OF_CPUS = 0.25, 0.1
"""Below the first, in CPUs, is what any idle system does; the second share slows a computation by
what it takes of the memory's bandwidth, even where a CPU is free for each thread."""


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
        load_s: Seconds of loading the model; None if it is not known.
        n_cpus: Number of CPUs that the process might use; None if it is not known.
        cpu_load: How many of these other processes kept busy meanwhile, on average; None if the
            platform does not say, or it was over too soon to tell. What others compute on a GPU is
            not in it.
    """

    device: Machine
    threads: int | None = Field(default=None, ge=1)
    measured_at: datetime | None = None
    n_items: int = Field(ge=0)
    tokens_decoded: int = Field(ge=0)
    logit_rows: int = Field(ge=0)
    elapsed_s: float = Field(ge=0)
    tokens_per_s: float | None = None
    load_s: float | None = Field(default=None, ge=0)
    n_cpus: int | None = Field(default=None, ge=1)
    cpu_load: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _with_rate(self) -> Speed:
        """Derive the rate from what it is made of: no record can hold another."""
        is_known = self.elapsed_s >= _LEAST_S and self.threads is not None
        rate = self.tokens_decoded / self.elapsed_s if is_known else None
        object.__setattr__(self, "tokens_per_s", rate)
        return self

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
    return Speed(
        device=first.device,
        threads=first.threads,
        measured_at=first.measured_at,
        n_items=sum(part.n_items for part in parts),
        tokens_decoded=sum(part.tokens_decoded for part in parts),
        logit_rows=sum(part.logit_rows for part in parts),
        elapsed_s=sum(part.elapsed_s for part in parts),
        load_s=sum(loading) if loading else None,
        n_cpus=first.n_cpus,
        cpu_load=sum(load * part_s for load, part_s in loads) / seconds if seconds else None,
    )
