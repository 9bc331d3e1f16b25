"""View of a record of several tasks: what its tables, sentences and pages have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from edgeval.records import Interval, PooledDifference, PooledDrift, Report, Suite
from edgeval.records.suite import ALL_ITEMS, MEAN_OF_TASKS
from edgeval.report import formatting as fmt
from edgeval.report.failures import FAILED
from edgeval.report.ladder import ladder_rows
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import EMPTY

_MOST_NAME_CHARS = 60


@dataclass(frozen=True)
class SuiteRow:
    """One type on one task, or on all of them, ready to print.

    Attributes:
        task: Name of the task, or what stands for all of them.
        type: What reports call the type.
        items: Number of items that it was evaluated on.
        accuracy: Primary metric of the split, in percent.
        interval: Its interval, in percent, or ``exact``.
        difference: Accuracy minus the reference's in points, with its interval; or ``reference``.
        outcome: What is known of the difference.
        counts: Items lost and gained against the reference.
        p: McNemar's p-value about new items, adjusted for all that is tested.
        is_first: Whether it is the first row of its task.
    """

    task: str
    type: str
    items: str
    accuracy: str
    interval: str
    difference: str
    outcome: str
    counts: str
    p: str
    is_first: bool


@dataclass(frozen=True)
class SuiteView:
    """A record of several tasks with the facts that its views have in common.

    Attributes:
        record: The record.
        views: The views of its tasks, in their order.
    """

    record: Suite
    views: tuple[RecordView[Report], ...]

    @classmethod
    def of(cls, record: Suite) -> SuiteView:
        """Return the view of a record."""
        return cls(record, tuple(map(RecordView.of, record.reports)))

    @property
    def first(self) -> RecordView[Report]:
        """The view of the first task: model, engine and machine are those of all."""
        return self.views[0]

    @cached_property
    def n_total(self) -> int:
        """Number of items in all splits."""
        return sum(view.record.data.n_total for view in self.views)

    @cached_property
    def n_items(self) -> int:
        """Number of them that were evaluated, at the most."""
        return sum(view.record.data.n_items for view in self.views)

    @cached_property
    def is_slice(self) -> bool:
        """Whether any split was not scored as a whole."""
        return any(view.is_slice for view in self.views)

    @cached_property
    def has_drift(self) -> bool:
        """Whether anything is compared on any task."""
        return any(view.drifts for view in self.views)

    @cached_property
    def protocols(self) -> list[str]:
        """The protocols by which items were scored."""
        return list(dict.fromkeys(view.record.protocol.label for view in self.views))

    @cached_property
    def metrics(self) -> dict[str, list[str]]:
        """The tasks by their primary metric."""
        found: dict[str, list[str]] = {}
        for view in self.views:
            found.setdefault(view.record.protocol.metric, []).append(view.record.data.task)
        return found

    @property
    def page_names(self) -> list[str]:
        """Name of each task's own page, without its ending."""
        return page_names(self.record.tasks)

    @cached_property
    def rows(self) -> list[SuiteRow]:
        """A row a task and type, the reference of each task first, and those that failed last."""
        return [row for view in self.views for row in _rows_of(view)]

    @cached_property
    def rows_of_all(self) -> list[SuiteRow]:
        """A row a type over all items, then one as the mean of the tasks."""
        return [*_all_items(self.record), *_means(self.record)]


def page_names(tasks: Sequence[str]) -> list[str]:
    """Return the name of each task's own page, without its ending: none is that of another."""
    names: list[str] = []
    for task in tasks:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", task)[:_MOST_NAME_CHARS].strip("-.") or "task"
        name, number = f"report-{plain}", 1
        while name.casefold() in {each.casefold() for each in names}:
            number += 1
            name = f"report-{plain}-{number}"
        names.append(name)
    return names


def _rows_of(view: RecordView[Report]) -> list[SuiteRow]:
    report = view.record
    p_values = {run.run.label: run.drift.mcnemar_p_holm for run in view.runs if run.drift}
    rows = [
        SuiteRow(
            task=report.data.task,
            type=row.type,
            items=row.items,
            accuracy=row.accuracy,
            interval=row.interval,
            difference=row.difference if row.counts != EMPTY else EMPTY,
            outcome=row.outcome,
            counts=row.counts,
            p=_p(p_values.get(row.type)),
            is_first=at == 0,
        )
        for at, row in enumerate(ladder_rows(view))
    ]
    for failure in report.failures:
        rows.append(
            SuiteRow(
                task=report.data.task,
                type=failure.label,
                items=EMPTY,
                accuracy=EMPTY,
                interval=EMPTY,
                difference=EMPTY,
                outcome=FAILED,
                counts=EMPTY,
                p=EMPTY,
                is_first=not rows,
            )
        )
    return rows


def _all_items(record: Suite) -> list[SuiteRow]:
    return [
        SuiteRow(
            task=ALL_ITEMS,
            type=drift.label,
            items=f"{drift.n_items:,}",
            accuracy=EMPTY,
            interval=EMPTY,
            difference=difference(drift, drift.by_items),
            outcome=drift.by_items.outcome,
            counts=f"{drift.right_to_wrong:,} / {drift.wrong_to_right:,}",
            p=_p(drift.mcnemar_p_holm),
            is_first=at == 0,
        )
        for at, drift in enumerate(record.pooled)
    ]


def _means(record: Suite) -> list[SuiteRow]:
    drifts = {drift.label: drift for drift in record.pooled}
    rows = []
    for at, mean in enumerate(record.averages):
        drift = drifts.get(mean.label)
        rows.append(
            SuiteRow(
                task=MEAN_OF_TASKS,
                type=mean.label,
                items=EMPTY,
                accuracy=fmt.accuracy(mean.value),
                interval=interval_in_short(mean.split_interval),
                difference=EMPTY if drift is None else difference(drift, drift.by_tasks),
                outcome=_outcome_of_mean(record, drift),
                counts=EMPTY,
                p=EMPTY,
                is_first=at == 0,
            )
        )
    return rows


def _outcome_of_mean(record: Suite, drift: PooledDrift | None) -> str:
    if drift is not None:
        return drift.by_tasks.outcome
    return "reference" if record.pooled else "not compared"


def interval_in_short(interval: Interval) -> str:
    """Return an interval of an accuracy in percent; ``exact`` where it has no width."""
    return "exact" if interval.low == interval.high else fmt.accuracy_interval(interval)


def difference(drift: PooledDrift, found: PooledDifference) -> str:
    """Return a difference over several tasks in points, with its interval unless it is exact."""
    points = fmt.signed(found.difference_points, 2)
    if found.split.high - found.split.low < 1e-9:
        return points
    return f"{points} {fmt.difference_interval(found.split, drift.margin_points)}"


def _p(value: float | None) -> str:
    return EMPTY if value is None else fmt.p_value(value)
