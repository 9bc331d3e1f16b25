"""Generation: how fast a model writes, one token after another."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from edgeval.records.base import Record
from edgeval.records.context import Machine


class GenerationSpeed(Record):
    """How fast a model generates for one reader, with all that this depends on.

    Attributes:
        tokens_per_s: Tokens generated a second: one over the median of their times.
        prompt_tokens_per_s: Tokens of the prompt a second, which are decoded at once.
        n_prompt: Tokens of the prompt.
        n_generated: Tokens generated behind it.
        device: The machine.
        threads: CPU threads.
        gpus: The GPUs that computed, as their drivers call them; none on the CPU alone.
        kernels: llama.cpp's kernels for the CPU.
        measured_at: When, in UTC.
        n_cpus: Number of CPUs that the process might use.
        cpu_load: How many of these other processes kept busy meanwhile, on average; None if the
            platform does not say, or it was over too soon to tell.
    """

    tokens_per_s: float = Field(gt=0)
    prompt_tokens_per_s: float = Field(gt=0)
    n_prompt: int = Field(ge=1)
    n_generated: int = Field(ge=1)
    device: Machine
    threads: int = Field(ge=1)
    gpus: list[str] = Field(default_factory=list)
    kernels: Literal["default", "plain"]
    measured_at: datetime
    n_cpus: int = Field(ge=1)
    cpu_load: float | None = Field(default=None, ge=0)

    @property
    def is_loaded(self) -> bool:
        """Whether other processes took a CPU that one of its threads would have had."""
        busy = self.cpu_load or 0.0
        return busy >= 0.25 and self.threads + busy > self.n_cpus
