"""Speed test: what is timed. Nothing here loads llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass

BATCH_TOKENS = 2048
"""Most tokens of a prompt that are handed over at once: llama-bench's ``n_batch``."""


@dataclass(frozen=True)
class SpeedTest:
    """What is timed.

    Attributes:
        n_prompt: Tokens of a prompt, which is decoded at once.
        n_generated: Tokens decoded one by one, behind the prompt.
        n_depth: Tokens that are in the cache before, and not timed.
    """

    n_prompt: int = 0
    n_generated: int = 0
    n_depth: int = 0

    @property
    def n_tokens(self) -> int:
        """Number of tokens that are timed."""
        return self.n_prompt + self.n_generated
