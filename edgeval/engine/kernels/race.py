"""Race of both paths of llama.cpp's kernels, side by side in the process that computes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeval.engine.kernels.forward import logprobs
from edgeval.engine.kernels.trial import batch_of
from edgeval.engine.messages import KernelsReady
from edgeval.llama import Model, Session, SessionSettings
from edgeval.llama.defaults import UBATCH_TOKENS, attention_of
from edgeval.records import KernelRace
from edgeval.tasks.requests import Int32

_ROUNDS, _FEWER_ROUNDS = 5, 3
_DECODE_S, _LONGER_DECODE_S = 0.15, 0.3
"""Seconds that a decode may take: all of them together take about two."""

_FEWEST_TOKENS = 32
_TELLING_TOKENS = 128
"""A batch in which the paths differ by as much as in larger ones; with fewer tokens the difference
is smaller."""


def race(path: Path, threads: int) -> Iterator[KernelsReady | KernelRace]:
    """Yield that ``plain`` computes a model, then how fast both paths are with it.

    Tokens are decoded with one path and then with the other, over and over, so that what else the
    machine does slows both down.

    Args:
        path: The model, a small one.
        threads: CPU threads.

    Raises:
        EngineError: If llama.cpp refuses it.
    """
    with Model(path, kernels="plain") as plain:
        with Session(plain, _settings(plain, _FEWEST_TOKENS, threads)) as session:
            n_tokens, n_rounds = _paced(session)
        yield KernelsReady(None)
        settings = _settings(plain, n_tokens, threads)
        tokens = _text(plain, n_tokens)
        with (
            Session(plain, settings) as plain_session,
            Model(path, kernels="default") as default,
            Session(default, settings) as default_session,
        ):
            # The first time costs more.
            expected = plain_session.decode(batch_of(tokens)).copy()
            found = default_session.decode(batch_of(tokens)).copy()
            rounds = [
                (_seconds(default_session, tokens), _seconds(plain_session, tokens))
                for _ in range(n_rounds)
            ]
    spread, change = _apart(found, expected)
    yield KernelRace(
        n_tokens=n_tokens,
        threads=threads,
        default_s=[default_s for default_s, _ in rounds],
        plain_s=[plain_s for _, plain_s in rounds],
        logprob_spread=spread,
        logprob_change=change,
    )


def _settings(model: Model, n_tokens: int, threads: int) -> SessionSettings:
    cache_type, flash_attention = attention_of(model.file_type)
    return SessionSettings(n_tokens, n_tokens, 1, threads, cache_type, flash_attention)


def _text(model: Model, n_tokens: int) -> Int32:
    rng = np.random.default_rng(0)
    return rng.integers(0, model.n_vocab, n_tokens, dtype=np.int32)


def _paced(session: Session) -> tuple[int, int]:
    """Return how many tokens are decoded at once, and how many rounds, by a first decode."""
    tokens = _text(session.model, _FEWEST_TOKENS)
    session.decode(batch_of(tokens))
    token_s = _seconds(session, tokens) / _FEWEST_TOKENS
    n_tokens = UBATCH_TOKENS
    while n_tokens > _TELLING_TOKENS and token_s * n_tokens > _DECODE_S:
        n_tokens //= 2
    while n_tokens > _FEWEST_TOKENS and token_s * n_tokens > _LONGER_DECODE_S:
        n_tokens //= 2
    return n_tokens, _ROUNDS if token_s * n_tokens < _LONGER_DECODE_S / 1.5 else _FEWER_ROUNDS


def _seconds(session: Session, tokens: Int32) -> float:
    started = time.perf_counter()
    session.decode(batch_of(tokens))
    return time.perf_counter() - started


def _apart(
    found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]
) -> tuple[float | None, float | None]:
    """Return the spread of log-probabilities, and how far two paths are from each other."""
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return None, None
    exact = logprobs(expected)
    return float(exact.std()), float(np.sqrt(((logprobs(found) - exact) ** 2).mean()))
