"""Judgement of paired samples: what their rows show, all of them together."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.records.paired_samples import PairedMetric, PairedSource, Shows
from edgeval.stats.intervals import LEVEL, bonett_price
from edgeval.stats.mcnemar import holm


def judged(
    comparisons: Sequence[PairedSource], margin_points: float
) -> tuple[list[PairedSource], int]:
    """Return comparisons with what holds of all their rows together, and how many are tested.

    Args:
        comparisons: The comparisons, as far as each row is known by itself.
        margin_points: Two shares this close are called equivalent.
    """
    tested = [row for each in comparisons for row in each.metrics if row.p_value is not None]
    adjusted = iter(holm([row.p_value for row in tested if row.p_value is not None]))

    def told(rows: Sequence[PairedMetric]) -> list[PairedMetric]:
        found = []
        for row in rows:
            p_holm = None if row.p_value is None else next(adjusted)
            shows = _shows(row, p_holm, len(tested), margin_points)
            found.append(row.model_copy(update={"p_holm": p_holm, "shows": shows}))
        return found

    return [
        each.model_copy(
            update={
                "tasks": [
                    task.model_copy(update={"metrics": told(task.metrics)}) for task in each.tasks
                ],
                "pooled": told(each.pooled),
            }
        )
        for each in comparisons
    ], len(tested)


def _shows(row: PairedMetric, p_holm: float | None, n_tests: int, margin_points: float) -> Shows:
    """Return what a row shows; one of all rows says too much in at most 5 % of cases.

    Equivalence takes an interval that holds together with those of all others.
    """
    if row.lost is not None and row.gained is not None:
        level = 1 - (1 - LEVEL) / n_tests
        interval = bonett_price(row.gained, row.lost, row.n_items, level)
        if -margin_points <= interval.low and interval.high <= margin_points:
            return "equivalent"
    if p_holm is None or p_holm >= 1 - LEVEL or row.difference == 0:
        return "open"
    return "higher" if row.difference > 0 else "lower"
