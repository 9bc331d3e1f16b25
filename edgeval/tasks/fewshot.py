"""Few-shot prompts: solved items before the one that is asked.

The draws and the texts are those of lm-evaluation-harness 0.4.13 for a task that names neither a
few-shot nor a test split, as its hellaswag does (``ContextSampler.sample``, ``fewshot_context``).
Its versions from 0.4.0 on draw the same from a pool without repeats.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from edgeval.errors import DataError
from edgeval.tasks.item import Item

SEED = 1234
"""lm-evaluation-harness's default ``fewshot_random_seed``."""

_AFTER_ANSWER = "\n\n"


def draw(items: Sequence[Item], pool: Sequence[Item], shots: int) -> list[list[Item]]:
    """Draw the solved items to show before each item, never the item itself.

    One generator serves all items in turn, so what is shown before an item depends on its place
    in the data set: draw for the whole data set, whatever slice of it is evaluated. The harness
    shows the same, with and without its ``--limit``.

    Args:
        items: All items of the data set, in its order.
        pool: The solved items, in their order.
        shots: How many to show, at least 1.

    Returns:
        ``shots`` items of the pool for each item.

    Raises:
        DataError: If the pool is too small.
    """
    if len(pool) <= shots:
        raise DataError(
            f"{shots} shots need at least {shots + 1:,} solved items to draw from, and there are "
            f"{len(pool):,}; use fewer shots or a larger file"
        )
    generator = random.Random(SEED)
    return [_draw_for(item, pool, shots, generator) for item in items]


def prompt(item: Item, shown: Sequence[Item]) -> Item:
    """Return the item with solved items before its contexts, each with its right choice."""
    solved = "".join(f"{each.texts[each.gold]}{_AFTER_ANSWER}" for each in shown)
    return replace(item, contexts=tuple(f"{solved}{context}" for context in item.contexts))


def _draw_for(item: Item, pool: Sequence[Item], shots: int, generator: random.Random) -> list[Item]:
    # One more than needed, because the item itself may be among them.
    drawn = [each for each in generator.sample(pool, shots + 1) if each != item][:shots]
    if len(drawn) == shots:
        return drawn
    # The pool holds the item more than once.
    others = [each for each in pool if each != item]
    if len(others) < shots:
        raise DataError(
            f"item {item.id}: {shots} shots need as many other solved items, and there are "
            f"{len(others):,}; use fewer shots or a file that repeats the item less"
        )
    return generator.sample(others, shots)
