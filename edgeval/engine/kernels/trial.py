"""Kernels tried in the process that computes: small models beside exact arithmetic."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeval.engine.kernels.bars import bar
from edgeval.engine.kernels.forward import exact_logits, logprobs
from edgeval.engine.kernels.isolation import StuckError, in_copy
from edgeval.engine.kernels.outcomes import outcome_of_death, unchecked
from edgeval.engine.kernels.small_model import N_TOKENS, Float64, small_model, text
from edgeval.engine.messages import KernelPair, KernelsReady
from edgeval.errors import EngineDiedError, EngineError
from edgeval.llama import Model, Session, SessionSettings
from edgeval.llama.defaults import attention_of
from edgeval.llama.library import listening
from edgeval.records import KernelTrial
from edgeval.tasks.requests import Batch, Int32

_FEW_TOKENS = (1, 2, 3)
"""Batches that are multiplied row by row, with kernels of their own."""

_TIMED_ROUNDS = 2
_BUFFER = re.compile(r"(\S+) model buffer size")
_OWN_LAYOUT = ("CPU", "CPU_Mapped")


class _Ready(NamedTuple):
    """A small model on the disk, and its exact log-probabilities."""

    path: Path
    exact: Float64


def try_kernels(
    pairs: Sequence[KernelPair], folder: Path, threads: int, is_copying: bool
) -> Iterator[KernelsReady | KernelTrial]:
    """Yield, for each pair, that its model is loaded, and what came of it.

    Args:
        pairs: What is tried.
        folder: Where models are written to; whoever asks removes it, even after a death.
        threads: CPU threads.
        is_copying: Whether ``default`` is tried in copies of this process; then it has to be in
            front of all else that computes. ``plain`` is computed as everything else is.
    """
    made: dict[str, _Ready] = {}
    for pair in pairs:
        is_copying = is_copying and pair.kernels == "default"
        try:
            ready = made.get(pair.kind) or _made(pair.kind, folder)
        except EngineError as error:
            yield unchecked(pair, str(error))
            continue
        made[pair.kind] = ready
        work = partial(_tried, pair, ready, threads)
        if is_copying:
            try:
                yield from _copied(pair, work)
                continue
            except StuckError:
                # It says nothing of the kernels, and the next one would be stuck too.
                is_copying = False
        yield from work()


def buffers_of(lines: Iterable[str]) -> list[str]:
    """Return the names of the memory that rearranged weights are in, by llama.cpp's log."""
    names = [found[1] for line in lines if (found := _BUFFER.search(line))]
    return sorted({name for name in names if name not in _OWN_LAYOUT})


def batch_of(tokens: Int32) -> Batch:
    """Return a batch of one sequence that reads all logits and scores nothing."""
    n_tokens, nothing = len(tokens), np.zeros(0, dtype=np.int32)
    return Batch(
        requests=np.zeros(0, dtype=np.int64),
        tokens=tokens,
        positions=np.arange(n_tokens, dtype=np.int32),
        sequence_counts=np.ones(n_tokens, dtype=np.int32),
        sequence_ids=np.zeros(n_tokens, dtype=np.int32),
        reads_logits=np.ones(n_tokens, dtype=np.int8),
        rows=nothing,
        targets=nothing,
        counts=nothing,
    )


def _made(kind: str, folder: Path) -> _Ready:
    """Return the model of a type.

    Raises:
        EngineError: If there is none.
    """
    model, path = small_model(kind), folder / f"{kind}.gguf"
    try:
        model.write(path)
    except OSError as error:
        reason = error.strerror or "there is no room"
        raise EngineError(
            f"a small model cannot be written to {folder.parent}: {reason}"
        ) from error
    return _Ready(path, logprobs(exact_logits(model, text())))


def _copied(
    pair: KernelPair, work: Callable[[], Iterator[KernelsReady | KernelTrial]]
) -> Iterator[KernelsReady | KernelTrial]:
    buffer = None
    try:
        for answer in in_copy(work, f"trying {pair.kind}"):
            buffer = answer.buffer
            yield answer
    except EngineDiedError as error:
        yield outcome_of_death(pair, error, buffer)


def _tried(pair: KernelPair, ready: _Ready, threads: int) -> Iterator[KernelsReady | KernelTrial]:
    cache_type, flash_attention = attention_of(pair.kind)
    settings = SessionSettings(N_TOKENS, N_TOKENS, 1, threads, cache_type, flash_attention)
    lines: list[str] = []
    try:
        with listening(lines.append):
            model = Model(ready.path, kernels=pair.kernels)
        with model, Session(model, settings) as session:
            buffer = next(iter(buffers_of(lines)), None)
            yield KernelsReady(buffer)
            yield _compared(pair, session, ready.exact, buffer)
    except EngineError as error:
        yield unchecked(pair, str(error))


def _compared(
    pair: KernelPair, session: Session, exact: Float64, buffer: str | None
) -> KernelTrial:
    tokens = text()
    largest = [_largest(session.decode(batch_of(tokens[:n])), exact) for n in _FEW_TOKENS]
    rates = []
    for _ in range(_TIMED_ROUNDS):
        started = time.perf_counter()
        logits = session.decode(batch_of(tokens))
        rates.append(len(tokens) / (time.perf_counter() - started))
        largest.append(_largest(logits, exact))
    change, allowed = max(largest), bar(pair.kind)
    return KernelTrial(
        type=pair.kind,
        kernels=pair.kernels,
        status="sound" if change <= allowed else "wrong",
        max_logprob_change=change if np.isfinite(change) else None,
        bar=allowed,
        buffer=buffer,
        tokens_per_s=max(rates),
    )


def _largest(logits: npt.NDArray[np.float32], exact: Float64) -> float:
    """Return the largest difference; infinite if a logit is not finite."""
    if not np.isfinite(logits).all():
        return float("inf")
    return float(np.abs(logprobs(logits) - exact[: len(logits)]).max())
