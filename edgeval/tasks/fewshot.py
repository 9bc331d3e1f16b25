"""Few-shot prompts: solved items before the one that is asked.

The draws and the texts are those of lm-evaluation-harness 0.4.13 (``ContextSampler.sample``,
``FirstNSampler.sample``, ``fewshot_context``).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

from edgeval.errors import DataError
from edgeval.tasks.item import Item

SEED = 1234
"""lm-evaluation-harness's default ``fewshot_random_seed``."""

Sampler = Literal["others", "any", "first"]
"""How solved items are drawn: at random, but never the item itself, as the harness does for a task
that names neither a few-shot nor a test split; at random from all, as it does for one that names a
test split alone; or the first ones of the item's group, as its ``first_n`` does.

Its versions from 0.4.0 on draw the same from a pool without repeats."""

_AFTER_ANSWER = "\n\n"


class Drawable(Protocol):
    """A row or an item."""

    @property
    def group(self) -> str:
        """What it is a kind of."""


def draw(
    items: Sequence[Drawable], pool: Sequence[Drawable], shots: int, sampler: Sampler = "others"
) -> list[list[int]]:
    """Draw the solved items to show before each item.

    One generator serves all items in turn, so what is shown before an item depends on its place
    in the data set: draw for the whole data set, whatever slice of it is evaluated. The harness
    shows the same, with and without its ``--limit``.

    Args:
        items: All items of the data set, in its order.
        pool: The solved items, in their order.
        shots: How many to show, at least 1.
        sampler: How they are drawn.

    Returns:
        The places in the pool of ``shots`` solved items for each item.

    Raises:
        DataError: If the pool is too small.
    """
    if sampler == "first":
        return _first(items, pool, shots)
    needed = shots + (sampler == "others")
    if len(pool) < needed:
        raise DataError(
            f"{shots} shots need at least {needed:,} solved items to draw from, and there are "
            f"{len(pool):,}; use fewer shots or a larger file"
        )
    generator = random.Random(SEED)
    if sampler == "any":
        return [generator.sample(range(len(pool)), shots) for _ in items]
    return [_others(index, item, pool, shots, generator) for index, item in enumerate(items)]


def prompt(item: Item, shown: Sequence[Item]) -> Item:
    """Return the item with solved items before its contexts, each with its right choice."""
    solved = "".join(
        f"{each.texts[each.gold].removeprefix(each.description)}{_AFTER_ANSWER}" for each in shown
    )
    before = f"{item.description}{solved}"
    return replace(
        item,
        contexts=tuple(
            f"{before}{context.removeprefix(item.description)}" for context in item.contexts
        ),
    )


def _first(items: Sequence[Drawable], pool: Sequence[Drawable], shots: int) -> list[list[int]]:
    places: dict[str, list[int]] = {item.group: [] for item in items}
    for place, solved in enumerate(pool):
        places.setdefault(solved.group, []).append(place)
    for item in items:
        if (known := len(places[item.group])) < shots:
            raise DataError(
                f"{shots} shots need as many solved items of {item.group}, and there are {known:,};"
                " use fewer shots or a larger file"
            )
    return [places[item.group][:shots] for item in items]


def _others(
    index: int, item: Drawable, pool: Sequence[Drawable], shots: int, generator: random.Random
) -> list[int]:
    # One more than needed, because the item itself may be among them.
    drawn = generator.sample(range(len(pool)), shots + 1)
    found = [place for place in drawn if pool[place] != item][:shots]
    if len(found) == shots:
        return found
    # The pool holds the item more than once.
    others = [place for place, each in enumerate(pool) if each != item]
    if len(others) < shots:
        raise DataError(
            f"the item at index {index:,}: {shots} shots need as many other solved items, and there"
            f" are {len(others):,}; use fewer shots or a file that repeats the item less"
        )
    return generator.sample(others, shots)
