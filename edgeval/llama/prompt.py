"""Prompt: what a text is written behind, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeval.tasks.requests import Int32


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn, as transformers does: temperature, then ``top_k``, then ``top_p``.

    Attributes:
        temperature: What logits are divided by; above 0.
        top_k: Tokens are drawn from so many of the most likely ones; 0 for all.
        top_p: And from the fewest that have so much of the probability together.
        seed: Numbers that decide what is drawn.
    """

    temperature: float
    top_k: int
    top_p: float
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Prompt:
    """What a text is written behind, and by which rules.

    Attributes:
        tokens: Token ids, shape (n,), int32, at least one.
        most: Tokens that are written at most, at least one.
        stops: Texts that end it, beside the model's own end tokens. Special tokens are spelled out.
        sampling: How tokens are drawn; None for the most likely one each time.
    """

    tokens: Int32
    most: int
    stops: tuple[str, ...] = ()
    sampling: Sampling | None = None

    @property
    def n_cells(self) -> int:
        """Most cells of a cache that it takes: what is written last is never decoded."""
        return len(self.tokens) + self.most - 1


class Chooser:
    """Chooses the tokens of one text, from the logits after the token before."""

    def __init__(self, sampling: Sampling | None) -> None:
        self._sampling = sampling
        self._rng = None if sampling is None else np.random.default_rng(sampling.seed)

    def choose(self, logits: npt.NDArray[np.float32]) -> int:
        """Return the next token.

        Args:
            logits: Those of all tokens, shape (n_vocab,), float32.
        """
        if self._sampling is None or self._rng is None:
            return int(logits.argmax())
        tokens, probabilities = kept(logits, self._sampling)
        return int(tokens[self._rng.choice(len(tokens), p=probabilities)])


def kept(
    logits: npt.NDArray[np.float32], sampling: Sampling
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the tokens that may be drawn, the most likely first, and their probabilities.

    Source: ``TemperatureLogitsWarper``, ``TopKLogitsWarper`` and ``TopPLogitsWarper`` of
    transformers.

    Args:
        logits: Those of all tokens, shape (n_vocab,), float32.
        sampling: What decides it.

    Returns:
        Shapes (n_kept,) and (n_kept,); the probabilities sum to 1.
    """
    n_kept = min(sampling.top_k or len(logits), len(logits))
    scaled = logits.astype(np.float64) / sampling.temperature
    tokens = np.argsort(-scaled, kind="stable")[:n_kept]
    probabilities = np.exp(scaled[tokens] - scaled[tokens[0]])
    probabilities /= probabilities.sum()
    # Whatever stands before it, the most likely one stays.
    before = np.cumsum(probabilities) - probabilities
    n_inside = max(1, int(np.count_nonzero(before < sampling.top_p)))
    probabilities = probabilities[:n_inside] / probabilities[:n_inside].sum()
    return tokens[:n_inside], probabilities
