"""Generation: the times that a model takes to write, one token after another."""

from __future__ import annotations

import time

import numpy as np

from edgeval.llama.defaults import SessionSettings, attention_of
from edgeval.llama.session import Session

_WARM_UP_TOKENS = 8
"""The first decodes cost more: kernels are loaded, and pages of weights read."""


def generation_settings(
    file_type: str, n_tokens: int, threads: int, ubatch_tokens: int
) -> SessionSettings:
    """Return the settings in which a text is generated, of the same kind as those of scoring.

    Args:
        file_type: The model's type.
        n_tokens: Tokens of the text, with its prompt.
        threads: CPU threads.
        ubatch_tokens: Most tokens computed at once.
    """
    cache_type, flash_attention = attention_of(file_type)
    return SessionSettings(
        n_batch=max(n_tokens, _WARM_UP_TOKENS + 1),
        n_ubatch=min(n_tokens, ubatch_tokens),
        n_sequences=1,
        threads=threads,
        cache_type=cache_type,
        flash_attention=flash_attention,
    )


def timed(session: Session, n_prompt: int, n_generated: int) -> tuple[float, list[float]]:
    """Decode a prompt at once and tokens one by one, after a warm-up.

    The tokens are drawn at random, as llama-bench draws them: how long one takes does not depend on
    which it is.

    Args:
        session: A session with room for all of them.
        n_prompt: Tokens of the prompt.
        n_generated: Tokens generated.

    Returns:
        Seconds of the prompt, and of each token.

    Raises:
        EngineError: If llama.cpp refuses them.
    """
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, session.model.n_vocab, n_prompt + n_generated, dtype=np.int32)
    n_warm = min(_WARM_UP_TOKENS, n_prompt)
    session.extend(tokens[:n_warm], 0)
    session.extend(tokens[n_warm : n_warm + 1], n_warm)

    def seconds(first: int, last: int) -> float:
        started = time.perf_counter()
        session.extend(tokens[first:last], first)
        return time.perf_counter() - started

    prompt_s = seconds(0, n_prompt)
    return prompt_s, [seconds(at, at + 1) for at in range(n_prompt, n_prompt + n_generated)]
