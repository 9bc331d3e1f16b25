"""Changes of scores: two runs of the same items, paired item by item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from edgeval.records.history import ScoreChange


@dataclass(frozen=True)
class Said:
    """What a run says of one item.

    Attributes:
        logprobs: Log-probability of each choice, in nats.
        pick: The choice that it picks.
        is_right: Whether that is the right one; None where nobody knows.
    """

    logprobs: tuple[float, ...]
    pick: int
    is_right: bool | None = None


def score_change(before: Mapping[int, Said], after: Mapping[int, Said]) -> ScoreChange:
    """Return how far two runs are apart on the items that both have.

    Args:
        before: What the earlier run says, by place in the data set.
        after: What the later one does.

    Raises:
        ValueError: If they have an item of unlike numbers of choices.
    """
    shared = sorted(before.keys() & after.keys())
    if not shared:
        return ScoreChange(n_items=0, n_new_picks=0)
    sizes, largest, place = [], -1.0, 0
    for index in shared:
        ours, theirs = after[index].logprobs, before[index].logprobs
        changes = [abs(new - old) for new, old in zip(ours, theirs, strict=True)]
        sizes += changes
        if max(changes) > largest:
            largest, place = max(changes), index
    pairs = [(before[index], after[index]) for index in shared]
    is_known = all(old.is_right is not None and new.is_right is not None for old, new in pairs)
    return ScoreChange(
        n_items=len(shared),
        n_new_picks=sum(old.pick != new.pick for old, new in pairs),
        mean_nats=math.fsum(sizes) / len(sizes),
        largest_nats=largest,
        largest_item=place,
        lost=sum(bool(old.is_right and not new.is_right) for old, new in pairs)
        if is_known
        else None,
        gained=sum(bool(new.is_right and not old.is_right) for old, new in pairs)
        if is_known
        else None,
    )
