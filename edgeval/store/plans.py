"""Items that are scored together, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.records import Machine
from edgeval.records.plan import PlanInfo
from edgeval.tasks.requests import Work


@dataclass(frozen=True)
class StoredPlan:
    """Items that are, or were to be, scored together.

    The same items in the same order make the same batches: a plan that was interrupted is gone on
    with, so that its scores are those of one that was not.

    Attributes:
        id: Its number in the store.
        items: Indices of the items in the data set, in the order of the plan.
    """

    id: int
    items: tuple[int, ...]


@dataclass(frozen=True)
class PlanRow:
    """A plan, and what it has taken so far.

    Attributes:
        plan: Its number and items.
        facts: What is known of it.
        device: The machine that began it; others may have gone on with it.
        work: What it has taken, whoever carried it out.
    """

    plan: StoredPlan
    facts: PlanInfo
    device: Machine
    work: Work
