"""KL divergence of items, in sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeval.records import Divergence, Drawn, PositionDivergence
from edgeval.stats.intervals import LEVEL
from edgeval.stats.positions import RangeSums, ends
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
    n_positions = sum(item.n_positions for item in items)
    means = _means(items)
    variances = [item.rest_variance for item in items if item.rest_variance is not None]
    upper = None
    if "kl_full_nats" in means and len(variances) == len(items):
        # Each of them is of as many draws.
        quantile = student_t((1 + LEVEL) / 2, len(items) * (N_DRAWN - 1))
        upper = means["kl_full_nats"] + quantile * math.sqrt(math.fsum(variances)) / n_positions
    n_ranges = max(len(item.by_range) for item in items)
    return Divergence(
        **means,
        top1_agreement=sum(item.n_same_top for item in items) / n_positions,
        remainder_mass=min(1.0, math.fsum(item.remainder_sum for item in items) / n_positions),
        kl_upper_nats=upper,
        drawn=drawn,
        by_position=[_at(number, items) for number in range(n_ranges)],
    )


def _at(number: int, items: Sequence[ItemDivergence]) -> PositionDivergence:
    """Return the mean divergence over the positions of one range, by those items that have some."""
    first, last = ends(number)
    found = [item.by_range[number] for item in items if len(item.by_range) > number]
    return PositionDivergence(first=first, last=last, **_means(found))


def _means(parts: Sequence[ItemDivergence] | Sequence[RangeSums]) -> dict[str, Any]:
    """Return what a ``MeanDivergence`` says of some positions, those of an item in one part."""
    counts = np.array([part.n_positions for part in parts], dtype=np.float64)
    sums = np.array([part.kl_sum for part in parts])
    mean, error = _mean_and_error(sums, counts)
    means: dict[str, Any] = {"n_items": len(parts), "n_positions": int(counts.sum())}
    means |= {"kl_nats": mean, "kl_error_nats": error}
    rests = [part.rest_sum for part in parts if part.rest_sum is not None]
    if len(rests) == len(parts):
        full, full_error = _mean_and_error(sums + np.array(rests), counts)
        means |= {"kl_full_nats": full, "kl_full_error_nats": full_error}
    return means


def _mean_and_error(sums: _Float64, counts: _Float64) -> tuple[float, float | None]:
    """Return the mean a position and its standard error, clustered by item; None with one item."""
    n_items, n_positions = len(sums), float(counts.sum())
    mean = float(sums.sum()) / n_positions
    if n_items == 1:
        return mean, None
    residuals = sums - mean * counts
    variance = n_items / (n_items - 1) * float((residuals**2).sum()) / n_positions**2
    return mean, math.sqrt(variance)
