"""Plans in the store: items that are scored together, and what that has taken so far."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        info: What is known of it.
        machine: The one that began it; others may have gone on with it.
        work: What it has taken, whoever carried it out.
    """

    id: int
    items: tuple[int, ...]
    info: PlanInfo
    machine: Machine
    work: Work = field(default_factory=Work)
