"""Suite: one model's ladder on several tasks, and what is said of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from edgeval.records.base import Interval, Record, SavedRecord
from edgeval.records.claims import Claim, Verdict
from edgeval.records.drift import Outcome
from edgeval.records.failures import Failure
from edgeval.records.notebook import Shown
from edgeval.records.report import MOST_TOGETHER, SCHEMA_VERSION, Report
from edgeval.records.rows import pooled_row

N_POOLED: Final = 2
"""Differences over all tasks that hold together with those of each: by items, and by tasks."""

ALL_ITEMS: Final = "all items"
MEAN_OF_TASKS: Final = "mean of tasks"


class PooledDifference(Record):
    """A difference in accuracy over several tasks.

    Attributes:
        difference_points: Accuracy minus the reference's, in points.
        split: What it is on the whole splits, in points; zero wide where every item was scored. It
            holds together with the intervals of the tasks.
        new_items: The interval for new items of the same kinds, in points; None where one of the
            tasks has none.
        outcome: What ``split`` shows beside the margin; see ``SplitDifference``.
    """

    difference_points: float
    split: Interval
    new_items: Interval | None
    outcome: Outcome


class PooledDrift(Record):
    """One type beside the reference on the items of all tasks.

    Attributes:
        label: What reports call the type.
        reference: What they call the reference.
        n_items: Number of pairs.
        margin_points: Two accuracies this close are called equivalent.
        right_to_wrong: Number of items only the reference has right.
        wrong_to_right: Number of items only the compared model has right.
        by_items: The difference over all items of the splits, so that a task weighs as much as it
            has items.
        by_tasks: The mean of the tasks' differences, as leaderboards average.
        mcnemar_p: Exact two-sided McNemar p-value over the flips of all tasks; None where a task
            has none.
        mcnemar_p_holm: The same, adjusted for all that is tested: each type on each task, and each
            type on all (Holm).
    """

    label: str
    reference: str
    n_items: int = Field(ge=1)
    margin_points: float
    right_to_wrong: int = Field(ge=0)
    wrong_to_right: int = Field(ge=0)
    by_items: PooledDifference
    by_tasks: PooledDifference
    mcnemar_p: float | None
    mcnemar_p_holm: float | None


class TaskAverage(Record):
    """The mean of one type's accuracies, each by the primary metric of its task.

    Attributes:
        label: What reports call the type.
        value: The mean, in [0, 1].
        interval: For new items of the same kinds; None where a task has none.
        split_interval: For the whole splits; zero wide where every item was scored.
    """

    label: str
    value: float
    interval: Interval | None
    split_interval: Interval


class Suite(Shown, SavedRecord):
    """One run on several tasks. ``report.json`` holds exactly this.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What made the record.
        created_at: When the run was begun, in UTC.
        command: The command line.
        reports: What there is to report of each task, in the order that was asked for.
        pooled: Each other model beside the reference on all tasks, if all have it.
        averages: The mean accuracy of each model that all tasks have.
        average_claims: The published averages of the model over these tasks, or some of them.
        average_verdicts: What the reference's numbers say about each, in their order.
        elapsed_s: Seconds that the command took.
        peak_rss_bytes: The most memory that it held, with the process that llama.cpp computed in.
    """

    schema_version: Literal[7] = SCHEMA_VERSION
    edgeval_version: str
    created_at: datetime
    command: str
    reports: list[Report] = Field(min_length=2, max_length=MOST_TOGETHER - N_POOLED)
    pooled: list[PooledDrift] = Field(default_factory=list)
    averages: list[TaskAverage] = Field(default_factory=list)
    average_claims: list[Claim] = Field(default_factory=list)
    average_verdicts: list[Verdict] = Field(default_factory=list)
    elapsed_s: float
    peak_rss_bytes: int

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in their order."""
        return [report.data.task for report in self.reports]

    @property
    def failures(self) -> list[Failure]:
        """What could not be made or scored, on any task."""
        return [failure for report in self.reports for failure in report.failures]

    def of_task(self, name: str) -> Report | None:
        """Return what there is to report of a task, if it was evaluated."""
        return next((report for report in self.reports if report.data.task == name), None)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a task and type, then one a type over all items and as the mean of tasks.

        They are those of ``Report.rows``, behind ``task``, which is ``all items`` or ``mean of
        tasks`` in the last ones.
        """
        rows = [{"task": each.data.task, **row} for each in self.reports for row in each.rows()]
        means = {each.label: each for each in self.averages}
        for drift in self.pooled:
            rows.append(pooled_row(rows[0], ALL_ITEMS, drift, drift.by_items, None))
        for label, mean in means.items():
            found = next((each for each in self.pooled if each.label == label), None)
            difference = None if found is None else found.by_tasks
            rows.append(pooled_row(rows[0], MEAN_OF_TASKS, found, difference, mean))
        return rows

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        names = self.tasks
        if len(set(names)) < len(names):
            raise ValueError(f"{_repeated(names)} is evaluated twice")
        for report in self.reports:
            if report.n_together != len(names) + N_POOLED:
                raise ValueError(
                    f"{report.data.task} is judged together with {report.n_together} ladders, and "
                    f"the record has {len(names)} tasks"
                )
        if len(self.average_verdicts) > len(self.average_claims):
            raise ValueError("there are more verdicts than published averages")
        return self


def _repeated(names: Sequence[str]) -> str:
    return next(name for at, name in enumerate(names) if name in names[:at])
