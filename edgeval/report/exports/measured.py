"""Measured accuracies: what of each is told to others, with no claim of what was not measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgeval.records import Report, Suite
from edgeval.report import formatting as fmt
from edgeval.report.record_view import RecordView, RunView
from edgeval.tasks.registry import TASKS
from edgeval.tasks.task import Task


@dataclass(frozen=True)
class Measured:
    """The accuracy of one type on one task.

    Attributes:
        report: What there is to report of the task.
        row: The type.
    """

    report: Report
    row: RunView

    @property
    def hub_task(self) -> Task | None:
        """The task whose split on the hub was evaluated; None of local items."""
        data = self.report.data
        task = TASKS.get(data.task)
        return task if task is not None and data.name == task.split_name else None

    @property
    def percent(self) -> float:
        """The accuracy by the primary metric, in percent to two decimals, as pages print it."""
        return round(100 * self.row.estimate.value, 2)

    @property
    def interval_percent(self) -> list[float]:
        """The interval of the accuracy on the split, in percent; zero wide where all is counted."""
        interval = self.row.estimate.interval
        return [round(100 * interval.low, 2), round(100 * interval.high, 2)]

    @property
    def is_whole(self) -> bool:
        """Whether each item of the split was scored."""
        return self.row.n_items == self.report.data.n_total

    @property
    def drawn(self) -> Literal["all", "random", "file", "stopped", "weighted"]:
        """How its items were chosen; ``weighted`` and ``stopped`` ended as soon as all was decided.

        Those that are ``weighted`` were drawn by what they can tell, so the accuracy is estimated.
        """
        stopping = self.row.run.stopping
        if self.is_whole:
            return "all"
        if stopping is not None:
            return "weighted" if stopping.design == "weighted" else "stopped"
        return "file" if self.report.data.order == "file" else "random"

    @property
    def items(self) -> str:
        """Which items its accuracy is of, as a phrase that names every slice as one."""
        data = self.report.data
        if self.is_whole:
            return f"all {data.n_total:,} items"
        how = {
            "random": f"a random slice, seed {data.seed}",
            "file": "the first in the file's order, no random sample",
            "stopped": "a random slice that stopped early",
            "weighted": "drawn by what they tell, stopped early, the accuracy estimated",
        }
        return f"{self.row.n_items:,} of {data.n_total:,} items, {how[self.drawn]}"

    @property
    def setting(self) -> str:
        """By what it was measured, as a phrase: tool, protocol and shots."""
        protocol, report = self.report.protocol, self.report
        return (
            f"edgeval {report.edgeval_version} with {report.engine.version}, protocol "
            f"{protocol.name} version {protocol.version}, {protocol.shots}-shot"
        )

    @property
    def sureness(self) -> str:
        """How sure the accuracy on the split is, as a phrase; empty where all is counted."""
        interval = self.row.estimate.interval
        if interval.low == interval.high:
            return ""
        level = "certain" if self.drawn == "file" else f"{fmt.level(interval)} interval"
        return f"{level} {fmt.accuracy_interval(interval)}%"


def measured(record: Report | Suite) -> Iterator[Measured]:
    """Yield each accuracy of a record; what failed has none."""
    for report in record.reports if isinstance(record, Suite) else (record,):
        for row in RecordView.of(report).runs:
            yield Measured(report, row)
