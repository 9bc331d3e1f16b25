"""How to read a report of several tasks."""

from __future__ import annotations

from edgeval.report.explanations_of_new_items import Explanation
from edgeval.report.suite.view import SuiteView


def explanations(view: SuiteView) -> list[Explanation]:
    """Return the paragraphs that the page of all tasks needs; each task's page has its own."""
    if not view.record.pooled:
        return [_mean()]
    together = [_together(view)] if view.is_slice else []
    return [_all_items(), _mean(), *together, _holm()]


def _all_items() -> Explanation:
    return Explanation(
        "All items",
        "The difference over the items of all tasks: each weighs as much as it has items. Tasks "
        "are strata, whose items are drawn by themselves.",
    )


def _mean() -> Explanation:
    return Explanation(
        "Mean of tasks",
        "The plain mean of the tasks' accuracies, as leaderboards and papers average: a task of "
        "500 items weighs as much as one of 10,000.",
    )


def _together(view: SuiteView) -> Explanation:
    return Explanation(
        "Interval over several tasks",
        "The distances from the estimates to the ends of the tasks' own intervals, weighted, are "
        "squared and added; of evaluations that stopped early the ends themselves are added. Each "
        f"of the {len(view.views)} tasks and the two differences over all have an equal share of "
        "the 5%, so that all intervals hold together.",
        "Zou and Donner 2008, Statistics in Medicine 27:1693",
        "https://doi.org/10.1002/sim.3095",
    )


def _holm() -> Explanation:
    return Explanation(
        "Holm p",
        "McNemar's exact p about new items, adjusted for all that is tested: each type on each "
        "task, and each type over all items.",
        "Holm 1979, Scandinavian Journal of Statistics 6:65",
    )
