"""Yardstick of a self-check: what quantization does to a model, by the reference's scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeval.evaluation.reference import Reference
from edgeval.evaluation.setup import EvalSetup
from edgeval.records import UNQUANTIZED
from edgeval.stats import sampling
from edgeval.tasks.item import ItemScore

N_ITEMS = 24
"""Items that are scored twice."""


@dataclass
class Yardstick:
    """The unquantized model that others are held to.

    Attributes:
        path: Its GGUF; None where its scores are from a reference file.
        scores: Its scores on the CPU by indexs of the data set, as far as they are known.
    """

    path: Path | None = None
    scores: dict[int, ItemScore] = field(default_factory=dict)

    def of(self, indices: Sequence[int]) -> list[ItemScore] | None:
        """Return its scores of some items; None if one is missing."""
        found = [self.scores[index] for index in indices if index in self.scores]
        return found if len(found) == len(indices) else None


def checked_places(setup: EvalSetup) -> list[int]:
    """Return the indices of the items that a self-check scores: any are as probable."""
    return sampling.simple_order(setup.data.n_total, 0)[:N_ITEMS]


def yardstick(
    files: Sequence[tuple[str, Path]], known: Reference | None, setup: EvalSetup
) -> Yardstick | None:
    """Return what the types of a ladder are held to; None without a GPU or an unquantized model.

    Args:
        files: The ladder's types and GGUFs, the reference first.
        known: The reference file that takes its place.
        setup: What is evaluated.

    Raises:
        EdgevalError: If an item has another number of choices in the reference file.
    """
    if not setup.devices:
        return None
    if known is not None:
        if known.header.type not in UNQUANTIZED:
            return None
        have = set(known.indices)
        items = {at: setup.item_at(at) for at in checked_places(setup) if at in have}
        return Yardstick(scores=dict(known.scores(items)))
    if not files or files[0][0] not in UNQUANTIZED:
        return None
    return Yardstick(path=files[0][1])
