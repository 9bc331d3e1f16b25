"""Context of a measurement: what was measured, on what, with what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgeval.records.base import MOST_ITEMS, Record
from edgeval.records.hardware import CoreGroup, Limits, SparseRecord


def protocol_label(name: str, shots: int) -> str:
    """Return what reports call a protocol: ``lm-eval``, or ``lm-eval, 5-shot``."""
    return f"{name}, {shots}-shot" if shots else name


class Machine(SparseRecord):
    """The machine, without a name of host or user, and without a serial number.

    What is not known is None, and so is what an older edgeval did not look for. What changes from
    one run to the next is in ``Conditions``.

    Attributes:
        system: The kernel and its release.
        machine: The architecture.
        cpu: What the CPU calls itself.
        physical_cores: Cores that the process might use.
        logical_cores: Logical CPUs.
        memory_bytes: All memory.
        python: Python's version.
        board: What the machine is called by its maker.
        soc: The chip of a board, for example ``BCM2712``.
        os: What the system calls itself.
        cores: The cores by kind, the fastest first.
        memory_type: For example ``DDR5``.
        memory_mts: Transfers a second that the memory is set to, in millions.
        memory_channels: Number of channels that have memory.
        limits: What is left of it to the process, where that is less than all.
    """

    system: str
    machine: str
    cpu: str
    physical_cores: int
    logical_cores: int
    memory_bytes: int
    python: str
    board: str | None = None
    soc: str | None = None
    os: str | None = None
    cores: list[CoreGroup] = Field(default_factory=list)
    memory_type: str | None = None
    memory_mts: int | None = Field(default=None, ge=1)
    memory_channels: int | None = Field(default=None, ge=1)
    limits: Limits | None = None


class Engine(Record):
    """What computed the numbers.

    Attributes:
        version: Version of the binding, which pins llama.cpp's.
        features: llama.cpp's line of backends and CPU features.
        backend: Where the layers were computed.
        threads: CPU threads.
    """

    version: str
    features: str
    backend: str
    threads: int


class ModelSource(Record):
    """Where the ladder came from.

    Attributes:
        name: Card name, repo id, or the name of the directory or file.
        title: What reports call it.
        repo: Repository on the hub, if it came from there.
        revision: Commit on the hub, if it came from there.
        fingerprint: SHA-256 over the checkpoint's files, or of the GGUF; of several GGUFs, over
            their hashes.
    """

    name: str
    title: str
    repo: str | None = None
    revision: str | None = None
    fingerprint: str


class ShotPool(Record):
    """The solved items that shots were drawn from.

    Attributes:
        name: Name of the data set, or of the file.
        fingerprint: SHA-256 over all records in their order.
        n_items: Number of items in it.
    """

    name: str
    fingerprint: str
    n_items: int


class DataSource(Record):
    """The data set and the slice of it that was evaluated.

    Attributes:
        task: Name of the task that its items are of.
        task_version: Version of that.
        name: Name of the data set, or of the file.
        fingerprint: SHA-256 over all records in their order.
        n_total: Number of items in the data set.
        n_items: Number of items evaluated.
        order: How the slice was drawn: ``random`` (seeded, stratified by group), ``simple``
            (seeded, all orders alike: what stopping early needs) or ``file``.
        seed: Seed of the random order.
        groups: Number of evaluated items of each group.
        chance: Accuracy of who picks blindly: the mean of one over the number of choices; None
            where an item has one choice, and in records of an older edgeval.
        shot_pool: Where the shots are from; None without shots.
    """

    task: str
    task_version: int
    name: str
    fingerprint: str
    n_total: int = Field(le=MOST_ITEMS)
    n_items: int
    order: Literal["random", "simple", "file"]
    seed: int
    groups: dict[str, int]
    chance: float | None = Field(default=None, gt=0, le=1)
    shot_pool: ShotPool | None = None


class ProtocolInfo(Record):
    """How the items were scored.

    Attributes:
        name: The protocol's name.
        version: Its version.
        metric: Its primary metric.
        shots: Number of solved items shown before each item.
    """

    name: str
    version: int
    metric: str
    shots: int = 0

    @property
    def label(self) -> str:
        """What reports call it: ``lm-eval``, or ``lm-eval, 5-shot``."""
        return protocol_label(self.name, self.shots)
