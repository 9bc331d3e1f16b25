"""Outcomes of trials: what a death says of kernels."""

from __future__ import annotations

from edgeval.engine.messages import KernelPair
from edgeval.errors import EngineDiedError, EngineError
from edgeval.records import KernelTrial

_OTHERS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT")


def blame(error: EngineDiedError) -> str:
    """Return what kernels ended a process with.

    Raises:
        EngineError: If it was none of their doing: memory ran out, somebody ended it, or it ended
            with an ordinary error.
    """
    words = error.words
    is_failure = words.startswith("exit code") and "0x" not in words
    if is_failure or any(name in words for name in _OTHERS):
        raise EngineError(str(error)) from error
    return words


def outcome_of_death(pair: KernelPair, error: EngineDiedError, buffer: str | None) -> KernelTrial:
    """Return what a death says of the pair that was tried.

    Args:
        pair: The pair.
        error: The death.
        buffer: The memory that rearranged weights are in, as far as it was told.

    Raises:
        EngineError: If it says nothing of it.
    """
    cause = blame(error)
    return KernelTrial(
        type=pair.kind, kernels=pair.kernels, status="died", cause=cause, buffer=buffer
    )


def unchecked(pair: KernelPair, cause: str) -> KernelTrial:
    """Return that a pair could not be tried, and why."""
    return KernelTrial(type=pair.kind, kernels=pair.kernels, status="unchecked", cause=cause)
