"""Shapes of items: token counts like those of HellaSwag, for texts that are drawn at random."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgeval.tasks.requests import Request

SHAPES: Final = (
    (24, (9, 9, 12, 8)),
    (38, (10, 13, 11, 6)),
    (35, (10, 11, 25, 8)),
    (27, (18, 23, 17, 18)),
    (47, (10, 21, 30, 18)),
    (50, (39, 35, 31, 26)),
    (50, (25, 36, 48, 40)),
    (47, (27, 32, 57, 48)),
    (75, (39, 41, 31, 34)),
    (65, (32, 33, 36, 61)),
    (99, (38, 36, 29, 31)),
    (69, (34, 36, 47, 54)),
    (99, (41, 33, 38, 36)),
    (65, (54, 40, 48, 48)),
    (71, (36, 39, 59, 61)),
    (46, (55, 63, 59, 63)),
)
"""Tokens of the context and of the four endings of items at sixteen quantiles of HellaSwag's
validation split, with Llama 2's tokenizer and BOS: 185 decoded tokens an item, as in the split."""


def items(n: int, n_vocab: int) -> list[Request]:
    """Return the requests of items of these shapes, four an item, with tokens drawn at random.

    Args:
        n: Number of items.
        n_vocab: Number of token ids.
    """
    rng = np.random.default_rng(0)
    found = []
    for number in range(n):
        n_context, endings = SHAPES[number % len(SHAPES)]
        context = rng.integers(0, n_vocab, n_context)
        for n_ending in endings:
            tokens = np.append(context, rng.integers(0, n_vocab, n_ending))
            found.append(Request(tokens.astype(np.int32), n_context))
    return found
