"""Tasks of a comparison: records of several tasks are compared task by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.errors import EdgevalError, listed, plural
from edgeval.records import Evaluation, Report, Suite
from edgeval.records.comparison import Comparison
from edgeval.report.compare.compare import compare, compare_records
from edgeval.report.record_files import load_record
from edgeval.stats.paired import MARGIN_POINTS, require_margin


@dataclass(frozen=True)
class ComparedTasks:
    """What records say of each task that two of them have.

    Attributes:
        comparisons: One a task, in the order of the records.
        lone_tasks: Tasks that one record alone has.
    """

    comparisons: list[Comparison]
    lone_tasks: list[str]

    @property
    def left_out(self) -> str:
        """Which tasks nothing is said of, as a sentence; empty for none."""
        if not self.lone_tasks:
            return ""
        tasks = plural(len(self.lone_tasks), "is in", "are each in")
        return f"{listed(self.lone_tasks)} {tasks} one record alone, and not compared."


def compare_tasks(
    paths: Sequence[str | Path], margin_points: float = MARGIN_POINTS, task: str | None = None
) -> ComparedTasks:
    """Put saved records side by side, task by task where one of them has several.

    Args:
        paths: As ``compare`` takes them.
        margin_points: Two accuracies this close are called equivalent.
        task: The only task that is compared.

    Raises:
        EdgevalError: As ``compare``, or if no two records have a task in common.
    """
    require_margin(margin_points)
    files = [Path(path) for path in paths]
    if task is not None:
        return ComparedTasks([compare(files, margin_points, task)], [])
    loaded = [load_record(path) for path in files]
    single = [each for each in loaded if not isinstance(each, Suite)]
    if len(single) == len(loaded):
        return ComparedTasks([compare_records(single, files, margin_points)], [])
    found: dict[str, list[tuple[Report | Evaluation, Path]]] = {}
    for record, path in zip(loaded, files, strict=True):
        for each in record.reports if isinstance(record, Suite) else [record]:
            found.setdefault(each.data.task, []).append((each, path))
    shared = [of_task for of_task in found.values() if len(of_task) > 1]
    if not shared:
        raise EdgevalError(
            f"no two of these records have a task in common (they have {listed(list(found))}); "
            "compare records of the same task"
        )
    return ComparedTasks(
        [
            compare_records([each for each, _ in both], [path for _, path in both], margin_points)
            for both in shared
        ],
        [name for name, of_task in found.items() if len(of_task) == 1],
    )
