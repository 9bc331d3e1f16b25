"""The divergences of items, in sum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgeval.records import Divergence
from edgeval.sketch import ItemDivergence


def divergence(items: Sequence[ItemDivergence]) -> Divergence:
    """Return the mean divergence over all positions of some items, at least one.

    The positions of an item are alike, so the standard error is that of a ratio of two sums over
    items, divergences and positions: Cochran 1977, Sampling Techniques, section 2.11 and chapter 6.
    It speaks about new items, without the finite-population correction.
    """
    counts = np.array([item.n_positions for item in items], dtype=np.float64)
    sums = np.array([item.kl_sum for item in items])
    n_positions = int(counts.sum())
    mean = float(sums.sum()) / n_positions
    error = None
    if len(items) > 1:
        residuals = sums - mean * counts
        variance = len(items) / (len(items) - 1) * float((residuals**2).sum()) / n_positions**2
        error = math.sqrt(variance)
    return Divergence(
        n_items=len(items),
        n_positions=n_positions,
        kl_nats=mean,
        kl_error_nats=error,
        top1_agreement=sum(item.n_same_top for item in items) / n_positions,
    )
