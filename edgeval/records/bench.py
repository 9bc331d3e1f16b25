"""Bench: how fast a machine computes models, and what that takes."""

from __future__ import annotations

import statistics
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from edgeval.records.base import Interval, Record
from edgeval.records.context import Machine
from edgeval.records.hardware import Conditions
from edgeval.records.sensors import MeanPower, Sensors, Sustained

CURRENCY: Final = r"^[A-Z]{3}$"
MOST_MONEY: Final = 1e9

Seconds = Annotated[float, Field(ge=1e-9)]
"""What something took; no clock tells less than a nanosecond."""


class Timing(Record):
    """A test that was timed again and again.

    Attributes:
        n_prompt: Tokens of a prompt, decoded at once.
        n_generated: Tokens decoded one by one, behind the prompt.
        n_depth: Tokens in the cache before, not timed.
        threads: CPU threads.
        seconds: What each repetition took.
        power: Mean power meanwhile, by each source; empty where there is none.
    """

    n_prompt: int = Field(ge=0)
    n_generated: int = Field(ge=0)
    n_depth: int = Field(ge=0)
    threads: int = Field(ge=1)
    seconds: list[Seconds] = Field(min_length=1)
    power: list[MeanPower] = Field(default_factory=list)

    @property
    def name(self) -> str:
        """What llama-bench calls it: ``pp512``, ``tg128``, ``pp512+tg128 @ d1024``."""
        parts = [("pp", self.n_prompt), ("tg", self.n_generated)]
        name = "+".join(f"{kind}{count}" for kind, count in parts if count)
        return f"{name} @ d{self.n_depth}" if self.n_depth else name

    @property
    def rates(self) -> list[float]:
        """Tokens a second of each repetition."""
        return [(self.n_prompt + self.n_generated) / each for each in self.seconds]

    @property
    def mean_s(self) -> float:
        """The mean of what the repetitions took, in seconds."""
        return statistics.fmean(self.seconds)

    @property
    def tokens_per_s(self) -> float:
        """The mean of the rates."""
        return statistics.fmean(self.rates)

    @property
    def deviation(self) -> float:
        """Their standard deviation, with n - 1; 0 of a single one, as llama-bench has it."""
        return statistics.stdev(self.rates) if len(self.rates) > 1 else 0.0


class Loading(Record):
    """What it took to load a model.

    Attributes:
        is_cold: Whether the file was not in the system's memory before.
        load_s: Seconds until it could compute.
        first_token_s: Seconds until one token was decoded, loading included.
    """

    is_cold: bool
    load_s: float = Field(ge=0)
    first_token_s: float = Field(ge=0)


class Scoring(Record):
    """How fast items like HellaSwag's are scored.

    Attributes:
        n_items: Number of items of each repetition.
        n_tokens: Tokens that each decodes.
        threads: CPU threads.
        seconds: What each repetition took.
        power: Mean power meanwhile, by each source; empty where there is none.
    """

    n_items: int = Field(ge=1)
    n_tokens: int = Field(ge=1)
    threads: int = Field(ge=1)
    seconds: list[Seconds] = Field(min_length=1)
    power: list[MeanPower] = Field(default_factory=list)

    @property
    def items_per_s(self) -> float:
        """The mean of the repetitions."""
        return statistics.fmean(self.n_items / each for each in self.seconds)

    @property
    def deviation(self) -> float:
        """The standard deviation of items a second, with n - 1; 0 of a single one."""
        rates = [self.n_items / each for each in self.seconds]
        return statistics.stdev(rates) if len(rates) > 1 else 0.0


class MemoryParts(Record):
    """What scoring takes by the model's dimensions, in bytes."""

    weights: int = Field(ge=0)
    cache: int = Field(ge=0)
    logits: int = Field(ge=0)
    compute: int = Field(ge=0)


class TensorPath(Record):
    """How llama.cpp multiplies with a model's matrices of one type on the CPU.

    Attributes:
        type: The tensor type, for example ``Q4_K``.
        path: What multiplies in batches of 32 tokens or more, for example ``repack``.
        n_bytes: Bytes of the matrices.
    """

    type: str
    path: str
    n_bytes: int = Field(ge=0)


class Price(Record):
    """What a machine costs, as it was typed in.

    Attributes:
        amount: How much.
        currency: Of what, in the three letters of ISO 4217.
    """

    amount: float = Field(gt=0, le=MOST_MONEY)
    currency: str = Field(pattern=CURRENCY)

    def __str__(self) -> str:
        """Return it in words: ``80 USD``, ``1,299.50 USD``."""
        return f"{self.amount:,.2f}".removesuffix(".00") + f" {self.currency}"


class FileQuality(Record):
    """What a store knows of the accuracy of a file, on the items that it has scores of.

    Attributes:
        task: Name of the task.
        data: Name of the data set.
        protocol: Name of the protocol.
        shots: Solved items shown before each item.
        metric: How a choice is picked.
        accuracy: The share of items that are right, in [0, 1].
        n_items: Number of items: all of the split, or a random sample of it.
        n_total: Number of items in the split.
        accuracy_interval: The accuracy's interval for new items of the same kind.
        drift_points: Accuracy minus that of the reference on the same items, in points; None where
            there is nothing to compare it with.
        drift_items: Number of the items that both have.
        drift_interval: The difference's interval for new items, in points; those of all files hold
            together.
        drift_reference: Type of the reference: of the files of this model that have scores, the
            most precise one.
    """

    task: str
    data: str
    protocol: str
    shots: int = Field(default=0, ge=0)
    metric: str
    accuracy: float = Field(ge=0, le=1)
    n_items: int = Field(ge=1)
    n_total: int = Field(ge=1)
    accuracy_interval: Interval
    drift_points: float | None = Field(default=None, ge=-100, le=100)
    drift_items: int | None = Field(default=None, ge=1)
    drift_interval: Interval | None = None
    drift_reference: str | None = None


class BenchedFile(Record):
    """One GGUF on this machine.

    Attributes:
        name: Name of the file, without its folder.
        sha256: Its hash.
        type: llama.cpp's name for how it is quantized.
        description: llama.cpp's description, such as ``llama 1B Q4_K - Medium``.
        n_params: Number of parameters.
        tensor_bytes: Bytes of all tensors.
        file_bytes: Bytes of the file, or of all its parts.
        backend: Where its layers were computed.
        gpus: The GPUs that computed, as their drivers call them.
        gpu_layers: Number of layers on them.
        n_batch: Most tokens that are handed over at once.
        n_ubatch: Most tokens computed at once.
        kernels: llama.cpp's kernels for the CPU.
        kernels_reason: Why they are not its own choice; None if they are.
        kernel_paths: How the matrices on the CPU are multiplied with, those of most bytes first;
            empty if that is not known.
        loading: What loading took: cold first, where the system lets a file be forgotten.
        memory: What scoring takes by the dimensions.
        peak_rss_bytes: Most memory of the process that loaded and computed; None where the platform
            does not say.
        timings: The tests.
        first_token: A prompt and one token behind it, with the model loaded before: how long a
            reader waits; None if no prompt was asked for, or an older edgeval did not time it.
        scoring: How fast items are scored; None if that was not asked for.
        sustained: What a load over minutes leaves of the speed; None if that was not asked for.
        quality: How accurate it is; None if no store has scores of the same file.
    """

    name: str
    sha256: str
    type: str
    description: str
    n_params: int = Field(ge=1)
    tensor_bytes: int = Field(ge=0)
    file_bytes: int = Field(ge=0)
    backend: str
    gpus: list[str] = Field(default_factory=list)
    gpu_layers: int = Field(ge=0)
    n_batch: int = Field(ge=1)
    n_ubatch: int = Field(ge=1)
    kernels: Literal["default", "plain"]
    kernels_reason: str | None = None
    kernel_paths: list[TensorPath] = Field(default_factory=list)
    loading: list[Loading] = Field(default_factory=list)
    memory: MemoryParts
    peak_rss_bytes: int | None = Field(default=None, ge=0)
    timings: list[Timing] = Field(default_factory=list)
    first_token: Timing | None = None
    scoring: Scoring | None = None
    sustained: Sustained | None = None
    quality: FileQuality | None = None


class Bench(Record):
    """One run of ``edgeval bench``.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What measured.
        created_at: When it began, in UTC.
        command: The command that made it; empty if it was none.
        binding_version: Version of llama-cpp-python, which pins llama.cpp's.
        features: llama.cpp's line of backends and CPU features.
        device: The machine.
        conditions: What it computed under; its storage is that of the first file.
        price: What the machine costs; None if nobody says.
        n_cpus: Number of CPUs that the process might use.
        cpu_load: How many of these other processes kept busy meanwhile, on average; None if the
            platform does not say.
        sensors: What the sensors said.
        files: The GGUFs, in their order.
    """

    schema_version: Literal[1] = 1
    edgeval_version: str
    created_at: datetime
    command: str = ""
    binding_version: str
    features: str
    device: Machine
    conditions: Conditions | None = None
    price: Price | None = None
    n_cpus: int = Field(ge=1)
    cpu_load: float | None = Field(default=None, ge=0)
    sensors: Sensors = Field(default_factory=Sensors)
    files: list[BenchedFile] = Field(min_length=1)
