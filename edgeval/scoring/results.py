"""Results of scoring: what a model says about an item."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.stats.top_logprobs import ItemDivergence, TopLogprobs
from edgeval.tasks.item import ItemScore


@dataclass(frozen=True)
class ItemResult:
    """What a model says about an item.

    Attributes:
        score: Its score.
        seen: What was seen of whole distributions, where a closer look was wanted.
    """

    score: ItemScore
    seen: TopLogprobs | ItemDivergence | None = None
