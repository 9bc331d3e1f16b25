"""Kernels of llama.cpp: what they compute on a CPU, and which of them are used."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from edgeval.records.base import Record

KERNELS_SCHEMA: Final = 1


class KernelTrial(Record):
    """One tensor type computed by one path of llama.cpp's kernels, held to exact arithmetic.

    Attributes:
        type: The tensor type, for example ``Q4_K``.
        kernels: ``default`` lets llama.cpp rearrange weights for this CPU where it can, ``plain``
            reads the layout of the file.
        status: ``sound``; ``wrong`` if it computes something else; ``died`` if it ends the process;
            ``unchecked`` if it could not be tried.
        max_logprob_change: The largest difference of a log-probability from the exact one, in nats;
            None if none was computed, or one is not finite.
        bar: The largest difference that is sound, in nats; None where nothing was compared.
        cause: What ended the process, or why nothing was tried.
        buffer: llama.cpp's name of the memory that rearranged weights are in, for example ``AMX``;
            None if none are rearranged.
        tokens_per_s: Tokens of the small model decoded a second; says little of a large one.
    """

    type: str
    kernels: Literal["default", "plain"]
    status: Literal["sound", "wrong", "died", "unchecked"]
    max_logprob_change: float | None = None
    bar: float | None = None
    cause: str | None = None
    buffer: str | None = None
    tokens_per_s: float | None = None


class KernelTrials(Record):
    """What is remembered of one llama.cpp on one CPU.

    Attributes:
        schema_version: Version of this schema.
        trials: One for each type and path that were tried.
    """

    schema_version: Literal[1] = KERNELS_SCHEMA
    trials: list[KernelTrial]


class KernelRace(Record):
    """Both paths of llama.cpp's kernels, timed side by side on a part of a model.

    Attributes:
        schema_version: Version of this schema.
        n_tokens: Tokens decoded at once; 0 if the part could not be computed by itself.
        threads: With how many threads; None where an older edgeval timed them.
        default_s: Seconds that ``default`` took in each round.
        plain_s: Seconds that ``plain`` took in each round.
        logprob_spread: Standard deviation of the log-probabilities, in nats; None if nothing was
            compared.
        logprob_change: Root mean square of the differences between the paths, in nats; None if
            nothing was compared, or one is not finite.
        death: What ended the process with ``default``; None if nothing did.
    """

    schema_version: Literal[1] = KERNELS_SCHEMA
    n_tokens: int = 0
    threads: int | None = None
    default_s: list[float] = Field(default_factory=list)
    plain_s: list[float] = Field(default_factory=list)
    logprob_spread: float | None = None
    logprob_change: float | None = None
    death: str | None = None


class KernelChoice(Record):
    """The kernels that a model is computed with on the CPU.

    Attributes:
        kernels: ``default`` or ``plain``.
        reason: Why it is not llama.cpp's own choice, or not what was asked for; None if it is.
        speedup: How many times as fast as the other path they were, with ``threads`` threads; None
            if that was not measured.
        threads: Those threads, which may be another command's; None if they are not known.
        buffers: llama.cpp's names of the memory that rearranged weights are in with ``default``.
        unchecked: Tensor types of the model that could not be checked.
    """

    kernels: Literal["default", "plain"]
    reason: str | None = None
    speedup: float | None = None
    threads: int | None = None
    buffers: list[str] = Field(default_factory=list)
    unchecked: list[str] = Field(default_factory=list)


Kernels = Literal["default", "plain"]
"""llama.cpp's kernels for the CPU: ``default`` lets it rearrange weights for the CPU or use its
matrix units where it can (extra buffer types), ``plain`` reads the layout of the file."""
