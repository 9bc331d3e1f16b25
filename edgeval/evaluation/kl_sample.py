"""Sample of items on which next-token distributions are compared, and how it was drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edgeval.evaluation.setup import EvalSetup
from edgeval.records import Drawn
from edgeval.stats.sampling import beginning, simple_order

_SEEDS = range(100)
"""Those that are tried where nobody says by which seed the items of sketches were drawn."""

_ENOUGH = 10
"""So many items in a row, in the random order of a seed, are there by that seed and not by chance:
with sketches of a tenth of all items, once in 10 thousand millions."""


@dataclass(frozen=True)
class Sketched:
    """The items on which distributions are compared.

    Attributes:
        indices: Their indices in the data set, in the order in which they were drawn.
        drawn: How that was.
    """

    indices: Sequence[int]
    drawn: Drawn


def to_sketch(setup: EvalSetup) -> Sketched:
    """Return the items of a setup that a reference is to have sketches of."""
    order = _simply(setup, setup.options.seed)
    return Sketched(order[: setup.options.kl_items], _drawn(setup))


def having_sketches(setup: EvalSetup, known: Collection[int]) -> Sketched:
    """Return the items of a setup that are compared, of those that have a sketch.

    A store or a reference file may have sketches of several runs: of slices in file order, too, and
    by other seeds. What is averaged is to be a random sample, so it is the longest beginning of a
    random order of which all is there: any other choice among them may depend on what they are.

    Args:
        setup: What is evaluated.
        known: Indices of the items that have a sketch, however they were drawn.
    """
    most, there = setup.options.kl_items, set(known).intersection(setup.indices)
    enough = min(most, len(there))
    found: list[int] = []
    for seed in (setup.options.seed, *_SEEDS):
        found = max(found, beginning(_simply(setup, seed), there)[:most], key=len)
        if len(found) == enough:
            break
    if len(found) < min(_ENOUGH, enough):
        return Sketched([index for index in setup.indices if index in there][:most], "unknown")
    return Sketched(found, _drawn(setup))


def _simply(setup: EvalSetup, seed: int) -> list[int]:
    """Return the items of a setup in the simple random order of a seed."""
    chosen = set(setup.indices)
    return [index for index in simple_order(setup.data.n_total, seed) if index in chosen]


def _drawn(setup: EvalSetup) -> Drawn:
    is_sample = setup.data.order != "file" or len(setup.indices) == setup.data.n_total
    return "random" if is_sample else "file order"
