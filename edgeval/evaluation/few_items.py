"""Few items: what is said before the work where a slice cannot show what is asked of it."""

from __future__ import annotations

from edgeval.evaluation.setup import EvalSetup
from edgeval.report import formatting as fmt
from edgeval.stats.paired import fewest_items


def too_few_items(setup: EvalSetup, n_compared: int, what: str) -> str:
    """Return that a slice is too small to show equivalence, and how many items may.

    Args:
        setup: What is evaluated and how.
        n_compared: How many are compared with the reference.
        what: What each of them is called: ``type``.

    Returns:
        A clause that ends in that number; empty where the items may be enough.
    """
    n_items, population = setup.limit, setup.data.n_total
    if n_compared < 1 or n_items >= population:
        return ""
    fewest = fewest_items(population, setup.margin_points, n_compared)
    if n_items >= fewest:
        return ""
    return (
        f"{n_items:,} of {population:,} items cannot show that a {what} is within "
        f"{fmt.points(setup.margin_points)} of the reference, even if none flips; that takes "
        f"{fewest:,}"
    )
