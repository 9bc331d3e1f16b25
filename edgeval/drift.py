"""Paired comparison of a quantized run with its reference on the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from scipy.special import bdtr

from edgeval.metrics import LEVEL, picks
from edgeval.records import Divergence, Drift, Flip, Interval
from edgeval.tasks import ItemScore


def drift(
    name: str,
    scores: Sequence[ItemScore],
    reference_name: str,
    reference: Sequence[ItemScore],
    metric: str,
    *,
    has_imatrix: bool = False,
    divergence: Divergence | None = None,
) -> Drift:
    """Compare two runs over the same items in the same order.

    Args:
        name: The compared model's file type.
        scores: Its scores.
        reference_name: What reports call the reference.
        reference: Its scores.
        metric: The metric whose picks are compared.
        has_imatrix: Whether the compared model was quantized with an importance matrix.
        divergence: How far its next-token distributions are from the reference's, if known.

    Raises:
        ValueError: If the items are not the same.
    """
    if [score.item for score in scores] != [score.item for score in reference]:
        raise ValueError("drift needs the scores of the same items in the same order")
    ours = [picks(score)[metric] for score in scores]
    theirs = [picks(score)[metric] for score in reference]
    flips = [
        Flip(
            item=score.item.id,
            group=score.item.group,
            gold=score.item.gold,
            reference_pick=before,
            pick=after,
        )
        for score, before, after in zip(scores, theirs, ours, strict=True)
        if (before == score.item.gold) != (after == score.item.gold)
    ]
    lost = sum(flip.reference_pick == flip.gold for flip in flips)
    gained = len(flips) - lost
    changes = np.abs(
        np.concatenate([score.logprobs for score in scores])
        - np.concatenate([score.logprobs for score in reference])
    )
    return Drift(
        type=name,
        has_imatrix=has_imatrix,
        reference=reference_name,
        n_items=len(scores),
        difference_points=100 * (gained - lost) / len(scores),
        interval_points=bonett_price(gained, lost, len(scores)),
        mcnemar_p=mcnemar(gained, lost),
        right_to_wrong=lost,
        wrong_to_right=gained,
        pick_agreement=sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(scores),
        mean_abs_logprob_change=float(changes.mean()),
        p99_abs_logprob_change=float(np.quantile(changes, 0.99)),
        flips=flips,
        divergence=divergence,
    )


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value of McNemar's test: a fair coin over the flips.

    McNemar 1947, Psychometrika 12:153; with no flips it is 1.
    """
    return min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))


def bonett_price(gained: int, lost: int, total: int, level: float = LEVEL) -> Interval:
    """Return the adjusted Wald interval of a paired difference of proportions, in points.

    Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37:479: one flip each
    way is added, so that the interval has a width when there are no flips.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    up, down = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    half = z * math.sqrt((up + down - (up - down) ** 2) / (total + 2))
    return Interval(
        low=100 * max(-1.0, up - down - half), high=100 * min(1.0, up - down + half), level=level
    )
