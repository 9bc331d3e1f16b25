"""Early stopping: which evaluation may end before all items are scored, and by what rule."""

from __future__ import annotations

from collections.abc import Mapping

from edgeval.evaluation.setup import EvalSetup
from edgeval.stats.sequential import SequentialEvaluation
from edgeval.stats.sequential_accuracy import SequentialAccuracy
from edgeval.stats.sequential_drift import SequentialDrift
from edgeval.tasks.item import ItemScore


def sequential_accuracy(setup: EvalSetup) -> SequentialEvaluation | None:
    """Return what a model's accuracy is evaluated for; None if all items are to be.

    Args:
        setup: What is evaluated and how.
    """
    points = setup.options.until
    if points is None:
        return None
    order = setup.indices[: setup.limit]
    protocol = setup.protocol
    return SequentialAccuracy(order, setup.data.n_total, protocol.metric, points, protocol.metrics)


def sequential_drift(
    setup: EvalSetup, reference: Mapping[int, ItemScore], n_compared: int
) -> SequentialDrift | None:
    """Return what a model's drift is evaluated for; None if all items are to be.

    Args:
        setup: What is evaluated and how.
        reference: Scores of the reference by index, in the order of the setup.
        n_compared: Number of types that are compared with it.
    """
    points = setup.options.until
    if points is None:
        return None
    return SequentialDrift(
        reference,
        setup.data.n_total,
        setup.protocol.metric,
        points,
        setup.protocol.metrics,
        seed=setup.options.seed,
        # Before any flip was seen: the beginning of the simple order, whatever is known of it.
        first=setup.indices[: setup.options.kl_items],
        limit=setup.limit,
        n_compared=n_compared,
    )
