"""Paired comparison of a quantized run with its reference on the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgeval.records import Divergence, Drift, Flip
from edgeval.stats.clusters import clustered
from edgeval.stats.mcnemar import mcnemar
from edgeval.stats.metrics import margin, pick
from edgeval.stats.paired import MARGIN_POINTS, unknown
from edgeval.tasks.item import ItemScore


def drift(
    name: str,
    scores: Sequence[ItemScore],
    reference_name: str,
    reference: Sequence[ItemScore],
    metric: str,
    *,
    margin_points: float = MARGIN_POINTS,
    has_imatrix: bool = False,
    label: str | None = None,
    divergence: Divergence | None = None,
) -> Drift:
    """Compare two runs over the same items in the same order.

    What that shows depends on the other comparisons of the ladder; ``paired.judged`` says it.

    Args:
        name: The compared model's file type.
        scores: Its scores.
        reference_name: What reports call the reference.
        reference: Its scores.
        metric: The metric whose picks are compared.
        margin_points: Two accuracies this close are called equivalent.
        has_imatrix: Whether the compared model was quantized with an importance matrix.
        label: What tells its file from others of its type; None where nothing has to.
        divergence: How far its next-token distributions are from the reference's, if known.

    Raises:
        ValueError: If the items are not the same.
    """
    if [score.item for score in scores] != [score.item for score in reference]:
        raise ValueError("drift needs the scores of the same items in the same order")
    ours = [pick(score, metric) for score in scores]
    theirs = [pick(score, metric) for score in reference]
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
    changes = np.concatenate([score.logprobs for score in scores]) - np.concatenate(
        [score.logprobs for score in reference]
    )
    shifts = [
        margin(after, metric) - margin(before, metric)
        for after, before in zip(scores, reference, strict=True)
    ]
    p = mcnemar(gained, lost)
    return Drift(
        type=name,
        has_imatrix=has_imatrix,
        name=label,
        reference=reference_name,
        n_items=len(scores),
        difference_points=100 * (gained - lost) / len(scores),
        split=unknown(margin_points),
        new_items=None,
        new_items_clustered=clustered(
            [
                int(after == score.item.gold) - int(before == score.item.gold)
                for score, before, after in zip(scores, theirs, ours, strict=True)
            ],
            [score.item.source for score in scores],
        ),
        mcnemar_p=p,
        mcnemar_p_holm=p,
        right_to_wrong=lost,
        wrong_to_right=gained,
        pick_agreement=sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(scores),
        mean_logprob_change=float(changes.mean()),
        mean_abs_logprob_change=float(np.abs(changes).mean()),
        rms_logprob_change=float(np.sqrt(np.square(changes).mean())),
        p99_abs_logprob_change=float(np.quantile(np.abs(changes), 0.99)),
        mean_margin_shift=math.fsum(shifts) / len(shifts),
        flips=flips,
        divergence=divergence,
    )
