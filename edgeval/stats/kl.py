"""KL divergence of items, in sum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeval.records import Divergence, Drawn, PositionDivergence
from edgeval.stats.intervals import LEVEL
from edgeval.stats.positions import ends
from edgeval.stats.quantiles import student_t
from edgeval.stats.top_logprobs import N_DRAWN, ItemDivergence

_Float64 = npt.NDArray[np.float64]


def divergence(items: Sequence[ItemDivergence], drawn: Drawn = "unknown") -> Divergence:
    """Return the mean divergence over all positions of some items, at least one.

    The positions of an item are alike, so a standard error is that of a ratio of two sums over
    items, divergences and positions: Cochran 1977, Sampling Techniques, section 2.11 and chapter 6.
    It speaks about new items, without the finite-population correction.

    The upper limit speaks about these positions. What the tokens drawn from the remainder say adds
    up over the items, and so do its variances.

    Args:
        items: The divergences of the items.
        drawn: How the items were drawn.
    """
    counts = np.array([item.n_positions for item in items], dtype=np.float64)
    sums = np.array([item.kl_sum for item in items])
    n_positions = int(counts.sum())
    mean, error = _mean_and_error(sums, counts)
    rests = [item.rest_sum for item in items if item.rest_sum is not None]
    variances = [item.rest_variance for item in items if item.rest_variance is not None]
    full = full_error = upper = None
    if len(rests) == len(items):
        full, full_error = _mean_and_error(sums + np.array(rests), counts)
        if len(variances) == len(items):
            # Each of them is of as many draws.
            quantile = student_t((1 + LEVEL) / 2, len(items) * (N_DRAWN - 1))
            upper = full + quantile * math.sqrt(math.fsum(variances)) / n_positions
    n_ranges = max(len(item.by_range) for item in items)
    return Divergence(
        n_items=len(items),
        n_positions=n_positions,
        kl_nats=mean,
        kl_error_nats=error,
        top1_agreement=sum(item.n_same_top for item in items) / n_positions,
        remainder_mass=min(1.0, math.fsum(item.remainder_sum for item in items) / n_positions),
        kl_full_nats=full,
        kl_full_error_nats=full_error,
        kl_upper_nats=upper,
        drawn=drawn,
        by_position=[_of_range(number, items) for number in range(n_ranges)],
    )


def _of_range(number: int, items: Sequence[ItemDivergence]) -> PositionDivergence:
    """Return the mean divergence over the positions of one range, by those items that have some."""
    found = [each.by_range[number] for each in items if len(each.by_range) > number]
    counts = np.array([each.n_positions for each in found], dtype=np.float64)
    sums = np.array([each.kl_sum for each in found])
    mean, error = _mean_and_error(sums, counts)
    rests = [each.rest_sum for each in found if each.rest_sum is not None]
    full = full_error = None
    if len(rests) == len(found):
        full, full_error = _mean_and_error(sums + np.array(rests), counts)
    first, last = ends(number)
    return PositionDivergence(
        first=first,
        last=last,
        n_items=len(found),
        n_positions=int(counts.sum()),
        kl_nats=mean,
        kl_error_nats=error,
        kl_full_nats=full,
        kl_full_error_nats=full_error,
    )


def _mean_and_error(sums: _Float64, counts: _Float64) -> tuple[float, float | None]:
    """Return the mean a position and its standard error, clustered by item; None with one item."""
    n_items, n_positions = len(sums), float(counts.sum())
    mean = float(sums.sum()) / n_positions
    if n_items == 1:
        return mean, None
    residuals = sums - mean * counts
    variance = n_items / (n_items - 1) * float((residuals**2).sum()) / n_positions**2
    return mean, math.sqrt(variance)
