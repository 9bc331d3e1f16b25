"""Diagnosis: an installation, what is wrong with it, and its GPUs beside its CPU."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from edgeval.records.base import Record
from edgeval.records.context import Machine
from edgeval.records.hardware import Conditions
from edgeval.records.results import SelfCheck


class Folder(Record):
    """A place that is written to.

    Attributes:
        name: What is kept there: ``cache`` or ``store``.
        path: Where it is; the user's home is ``~``.
        free_bytes: Room on its disk; None if that cannot be read.
        is_writable: Whether a file can be made there, and one that is there be changed.
        storage: What it is on, for example ``SD card``; None if nothing tells.
    """

    name: Literal["cache", "store"]
    path: str
    free_bytes: int | None
    is_writable: bool
    storage: str | None = None


class Backend(Record):
    """A part of llama.cpp that computes.

    Attributes:
        name: What ``--backend`` calls it.
        is_tested: Whether edgeval is written for it; others work the same way, untested.
    """

    name: str
    is_tested: bool


class Gpu(Record):
    """A device beside the CPU.

    Attributes:
        name: llama.cpp's name of it, for ``--devices``.
        description: What its driver calls it.
        backend: What computes on it.
        is_automatic: Whether ``--backend auto`` may use it.
        free_bytes: Its memory that is free now.
        total_bytes: All of its memory.
    """

    name: str
    description: str
    backend: str
    is_automatic: bool
    free_bytes: int
    total_bytes: int


class GpuCheck(Record):
    """One GPU beside the CPU, with one model.

    Attributes:
        device: llama.cpp's name of the GPU.
        type: File type of the model.
        result: How close they are; None if the model could not be computed.
        error: Why not.
    """

    device: str
    type: str
    result: SelfCheck | None = None
    error: str | None = None

    @property
    def has_passed(self) -> bool:
        """Whether the GPU computes what the CPU does."""
        return self.result is not None and self.result.has_passed


class TypeTrial(Record):
    """What the CPU makes of one type of model.

    Attributes:
        type: File type of the model.
        kernels: llama.cpp's kernels that computed it: its ``default``, or the ``plain`` ones.
        kernels_reason: Why these, if they are not the default.
        kernel_paths: How they multiply with its matrices, for example ``repack``, by tensor type,
            the most used first; empty if that is not known.
        max_logprob_change: The largest difference of a log-probability from the exact one that they
            make with tensors of these types, in nats; None if that could not be checked.
        tokens_per_s: Tokens of the model decoded a second.
        error: Why it could not be computed.
    """

    type: str
    kernels: Literal["default", "plain"] = "default"
    kernels_reason: str | None = None
    kernel_paths: dict[str, str] = Field(default_factory=dict)
    max_logprob_change: float | None = None
    tokens_per_s: float | None = None
    error: str | None = None


class Build(Record):
    """How llama.cpp was built for the CPU.

    Attributes:
        compiler: What compiled it, for example ``GCC 12.2.0``; None if the library does not say.
        features: What it uses of a CPU.
        missing: What this CPU has besides.
        superfluous: What it needs and this CPU does not have.
    """

    compiler: str | None
    features: list[str]
    missing: list[str]
    superfluous: list[str]


class Finding(Record):
    """A sentence on what was found and what to do.

    Attributes:
        kind: ``problem`` if an evaluation would fail over it, else ``advice``.
        sentence: What it is.
    """

    kind: Literal["problem", "advice"]
    sentence: str


class Look(Record):
    """What llama.cpp says of itself.

    Attributes:
        build: How it was built for the CPU.
        backends: What it was built with, the CPU last.
        devices: Its GPUs.
        chosen: Names of those that are to be checked.
        findings: What is missing.
    """

    build: Build
    backends: list[Backend]
    devices: list[Gpu]
    chosen: list[str]
    findings: list[Finding]


class Surroundings(Record):
    """What is known before anything is tried.

    Attributes:
        edgeval_version: What made the record.
        created_at: When, in UTC.
        binding_version: Version of llama-cpp-python, which pins llama.cpp's; None if it is missing.
        device: The machine.
        conditions: What it computes under, with the folder of the store.
        free_memory_bytes: Memory of the machine that is free now.
        folders: Where GGUFs and scores are kept.
    """

    edgeval_version: str
    created_at: datetime
    binding_version: str | None
    device: Machine
    conditions: Conditions
    free_memory_bytes: int
    folders: list[Folder]


class Diagnosis(Surroundings):
    """What ``edgeval doctor --json`` prints.

    Attributes:
        build: How llama.cpp was built for the CPU; None if it could not be loaded.
        backends: What it was built with, the CPU last; None if it could not be loaded.
        devices: Its GPUs.
        model: What the checks were made with, as it was given.
        types: What the CPU makes of each type of the default ladder.
        checks: GPUs beside the CPU.
        findings: What is wrong, and what could be better.
    """

    build: Build | None
    backends: list[Backend] | None
    devices: list[Gpu]
    model: str
    types: list[TypeTrial]
    checks: list[GpuCheck]
    findings: list[Finding]

    @property
    def problems(self) -> list[str]:
        """What an evaluation would fail over."""
        return [each.sentence for each in self.findings if each.kind == "problem"]

    @property
    def cpu_works(self) -> bool:
        """Whether something was computed on the CPU."""
        return any(each.error is None for each in self.types)
