"""Speed tests: how long a prompt takes, tokens one by one, or both, as llama-bench times them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from edgeval.llama.defaults import SessionSettings
from edgeval.llama.session import Session
from edgeval.llama.speed_test import BATCH_TOKENS, SpeedTest
from edgeval.tasks.requests import Int32


def speed_settings(test: SpeedTest, threads: int, ubatch_tokens: int) -> SessionSettings:
    """Return the settings in which a test is run: llama-bench's, for a model of any type.

    Args:
        test: The test.
        threads: CPU threads.
        ubatch_tokens: Most tokens computed at once.
    """
    n_cells = test.n_depth + test.n_tokens
    n_batch = min(n_cells, BATCH_TOKENS)
    return SessionSettings(
        n_batch=n_batch,
        n_ubatch=min(n_batch, ubatch_tokens),
        n_sequences=1,
        threads=threads,
        cache_type="f16",
        flash_attention=True,
        n_trunk=n_cells - n_batch,
    )


def seconds_of(
    session: Session, test: SpeedTest, repetitions: int, *, warms_up: bool
) -> Iterator[float]:
    """Yield how long each repetition of a test takes.

    Tokens are drawn at random: how long one takes does not depend on which it is. To warm up, the
    prompt is decoded once, and a token.

    Args:
        session: A session with the settings of ``speed_settings``.
        test: The test.
        repetitions: How often it is timed.
        warms_up: Whether it is decoded before, untimed.

    Raises:
        EngineError: If llama.cpp refuses the tokens.
    """
    rng = np.random.default_rng(0)
    n_cells = test.n_depth + test.n_tokens
    tokens = rng.integers(0, session.model.n_vocab, n_cells, dtype=np.int32)
    behind = test.n_depth + test.n_prompt
    if warms_up:
        _decode(session, tokens[: test.n_prompt or 1], 0)
    for _ in range(repetitions):
        session.clear()
        _decode(session, tokens[: test.n_depth], 0)
        started = time.perf_counter()
        _decode(session, tokens[test.n_depth : behind], test.n_depth)
        session.follow(tokens[behind:])
        yield time.perf_counter() - started


def _decode(session: Session, tokens: Int32, start: int) -> None:
    """Decode tokens behind so many others, a batch at a time."""
    step = session.settings.n_batch
    for first in range(0, len(tokens), step):
        session.extend(tokens[first : first + step], start + first)
