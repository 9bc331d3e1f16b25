"""What an installation is, what is wrong with it, and how its GPUs compare with its CPU."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from edgeval.records.base import Record
from edgeval.records.results import SelfCheck
from edgeval.records.setting import Device


class Folder(Record):
    """A place that is written to.

    Attributes:
        name: What is kept there: ``cache`` or ``store``.
        path: Where it is; the user's home is ``~``.
        free_bytes: Room on its disk; None if that cannot be read.
        is_writable: Whether a file can be made there, and one that is there be changed.
    """

    name: Literal["cache", "store"]
    path: str
    free_bytes: int | None
    is_writable: bool


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
        name: llama.cpp's name of it, for ``--device``.
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


class CpuTrial(Record):
    """A small evaluation on the CPU alone.

    Attributes:
        type: File type of the model.
        n_items: Number of items scored.
        tokens_per_s: Tokens decoded a second.
    """

    type: str
    n_items: int
    tokens_per_s: float


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
        backends: What it was built with, the CPU last.
        devices: Its GPUs.
        chosen: Names of those that are to be checked.
        findings: What is missing.
    """

    backends: list[Backend]
    devices: list[Gpu]
    chosen: list[str]
    findings: list[Finding]


class Diagnosis(Record):
    """What ``edgeval doctor --json`` prints.

    Attributes:
        edgeval_version: What made the record.
        created_at: When, in UTC.
        binding_version: Version of llama-cpp-python, which pins llama.cpp's; None if it is missing.
        device: The machine.
        free_memory_bytes: Memory of the machine that is free now.
        folders: Where GGUFs and scores are kept.
        backends: What llama.cpp was built with, the CPU last; None if it could not be loaded.
        devices: Its GPUs.
        model: What the checks were made with, as it was given.
        checks: GPUs beside the CPU.
        cpu: An evaluation on the CPU; None if it failed, or a check has shown that the CPU works.
        findings: What is wrong, and what could be better.
    """

    edgeval_version: str
    created_at: datetime
    binding_version: str | None
    device: Device
    free_memory_bytes: int
    folders: list[Folder]
    backends: list[Backend] | None
    devices: list[Gpu]
    model: str
    checks: list[GpuCheck]
    cpu: CpuTrial | None
    findings: list[Finding]

    @property
    def problems(self) -> list[str]:
        """What an evaluation would fail over."""
        return [each.sentence for each in self.findings if each.kind == "problem"]

    @property
    def cpu_works(self) -> bool:
        """Whether something was computed on the CPU."""
        return self.cpu is not None or any(check.result for check in self.checks)
