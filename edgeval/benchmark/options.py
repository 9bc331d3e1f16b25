"""Options of a benchmark, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeval.errors import EdgevalError
from edgeval.llama import machine
from edgeval.llama.speed_test import SpeedTest
from edgeval.records.bench import Price

AUTO = "auto"
AI_BENCHMARKS = {
    "prompts": (512, 4096),
    "generated": (128,),
    "both": ((4096, 128),),
    "repetitions": 2,
}
"""The tests of geerlingguy/ai-benchmarks: ``-n 128 -p 512,4096 -pg 4096,128 -r 2``."""

_MOST_TOKENS = 1_048_576
_MOST_THREADS = 1024
_MOST_SECONDS = 86_400.0
_LONGEST_COOLING = 200
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class BenchOptions:
    """What is timed, and how it is computed.

    Attributes:
        prompts: Tokens of prompts, each a test of its own.
        generated: Likewise tokens that are generated one by one.
        both: Prompts with tokens that are generated behind them, timed together.
        depths: Tokens in the cache before; each test is run at each depth.
        threads: CPU threads, each of which all tests are run with; ``auto`` for one a physical
            core.
        repetitions: How often each test is timed.
        warms_up: Whether each is decoded before, untimed.
        scored_items: Items that are scored in each repetition; 0 for none.
        types: File types that are made of a checkpoint; None for the default ladder.
        backend: ``auto``, or the backend that has to compute.
        devices: GPUs that may compute, by name; none for any.
        gpu_layers: Layers on GPUs; None for as many as fit.
        kernels: llama.cpp's kernels for the CPU: ``auto``, ``default`` or ``plain``.
        force: Whether models are loaded that do not fit the memory free now.
        offline: Whether only what is cached is used.
        sustain_s: Seconds for which prompts are decoded without a pause; 0 for none.
        cool_to_c: Temperature that is waited for before that; None to begin at once.
        cooling: What cools the machine, if somebody says so.
        watts: Power that a meter shows; None if nobody says.
        watts_command: Command that prints the power; None if there is none.
        price: What the machine costs; None if nobody says.
        store: Scores that may be of the same files, for the accuracy beside the speed; None for
            none.
        data: The data set that those are of, if it is a local file.
    """

    prompts: Sequence[int] = (512,)
    generated: Sequence[int] = (128,)
    both: Sequence[tuple[int, int]] = ()
    depths: Sequence[int] = (0,)
    threads: Sequence[int | str] = (AUTO,)
    repetitions: int = 5
    warms_up: bool = True
    scored_items: int = 16
    types: Sequence[str] | None = None
    backend: str = "auto"
    devices: tuple[str, ...] = ()
    gpu_layers: int | None = None
    kernels: Literal["auto", "default", "plain"] = "auto"
    force: bool = False
    offline: bool = False
    sustain_s: float = 0.0
    cool_to_c: float | None = None
    cooling: str | None = None
    watts: float | None = None
    watts_command: str | None = None
    price: Price | None = None
    store: Path | None = None
    data: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be timed.

        Raises:
            EdgevalError: If a number is out of its range, or nothing is left to do.
        """
        for name, counts in (
            ("--pp", self.prompts),
            ("--tg", self.generated),
            ("--pg", [each for pair in self.both for each in pair]),
        ):
            _require_within(name, counts, 1, _MOST_TOKENS)
        _require_within("--depth", self.depths, 0, _MOST_TOKENS)
        threads = [each for each in self.threads if isinstance(each, int)]
        _require_within("--threads", threads, 1, _MOST_THREADS)
        _require_within("--repetitions", [self.repetitions], 1, 1000)
        _require_within("--items", [self.scored_items], 0, 10_000)
        if self.cooling is not None and not 0 < len(self.cooling) <= _LONGEST_COOLING:
            raise EdgevalError(f"--cooling has 1 to {_LONGEST_COOLING} characters; say it shorter")
        if not 0 <= self.sustain_s <= _MOST_SECONDS:
            raise EdgevalError("--sustain lasts a day at most; name less, such as 10m")
        if self.cool_to_c is not None and not self.sustain_s:
            raise EdgevalError("--cool-to is waited for before --sustain; name that too")
        if not (self.tests or self.scored_items or self.sustain_s):
            raise EdgevalError("nothing is left to time; name tokens with --pp, --tg or --pg")
        if not self.thread_counts:
            raise EdgevalError("--threads names none; name one, or leave it out")

    @property
    def tests(self) -> list[SpeedTest]:
        """The tests, in llama-bench's order."""
        kinds = [
            *(SpeedTest(n_prompt=count) for count in self.prompts),
            *(SpeedTest(n_generated=count) for count in self.generated),
            *(SpeedTest(n_prompt=first, n_generated=behind) for first, behind in self.both),
        ]
        return [
            SpeedTest(each.n_prompt, each.n_generated, depth)
            for depth in self.depths
            for each in kinds
        ]

    @property
    def first_token(self) -> SpeedTest | None:
        """The first prompt with a token behind it; None without a prompt."""
        return SpeedTest(n_prompt=self.prompts[0], n_generated=1) if self.prompts else None

    @property
    def thread_counts(self) -> list[int]:
        """The numbers of threads, each once, in their order."""
        found = [machine.physical_cores() if each == AUTO else int(each) for each in self.threads]
        return list(dict.fromkeys(found))


def seconds(text: str) -> float:
    """Return the seconds that a text such as ``90s``, ``10m`` or ``1h`` means.

    Raises:
        EdgevalError: If it means none.
    """
    number, unit = text[:-1].strip(), text[-1:].casefold()
    try:
        value = float(number) * _UNITS_S[unit]
    except (ValueError, KeyError):
        value = -1.0
    if not 0 < value <= _MOST_SECONDS:
        raise EdgevalError(f"{text[:40]!r} is no time up to a day; write 90s, 10m or 1h")
    return value


def _require_within(name: str, counts: Sequence[int], least: int, most: int) -> None:
    wrong = next((each for each in counts if not least <= each <= most), None)
    if wrong is not None:
        raise EdgevalError(f"{name} {wrong} cannot be used; give numbers from {least} to {most:,}")
