"""Leaderboard: every run of a comparison in a row of its own, the most accurate of a task first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeval.records import Estimate, Failure, Metric
from edgeval.records.comparison import ComparedMachine, ComparedRun, Comparison
from edgeval.report import formatting as fmt
from edgeval.report.compare import cells
from edgeval.report.compare.labels import short_cpu
from edgeval.report.compare.matching import is_weighted
from edgeval.report.details import Table
from edgeval.report.failures import FAILED
from edgeval.report.machines import device_names
from edgeval.report.record_view import as_counted
from edgeval.report.speeds import EMPTY, MARK


@dataclass(frozen=True)
class Standing:
    """One run of one record.

    Attributes:
        type: What the comparison calls it.
        machine: The record.
        run: What was measured; None if it failed.
        failure: Why it failed; None if it did not.
    """

    type: str
    machine: ComparedMachine
    run: ComparedRun | None
    failure: Failure | None

    @property
    def asked(self) -> str:
        """What accuracies are of that may stand beside each other: task, protocol, metric."""
        protocol = self.machine.protocol
        return f"{self.machine.data.task}, {protocol.label}, {protocol.metric}"

    @property
    def counted(self) -> Metric | None:
        """What was counted of its items; None where it failed."""
        return None if self.run is None else self.run.run.metrics.get(self.machine.protocol.metric)

    @property
    def accuracy(self) -> Estimate | None:
        """Its accuracy on the split, as its own record says; None where it is not known."""
        if self.run is not None and self.run.beside and self.run.beside.accuracy:
            return self.run.beside.accuracy
        if self.run is None or self.counted is None or is_weighted(self.run.run):
            return None
        return as_counted(self.counted)

    @property
    def model(self) -> str | None:
        """What its model is called; None where the record does not say."""
        return None if self.machine.model is None else self.machine.model.title


def standings(comparisons: Sequence[Comparison]) -> list[Standing]:
    """Return the runs of comparisons, the tasks in their order, the most accurate first."""
    found = [each for comparison in comparisons for each in _standings(comparison)]
    asked = list(dict.fromkeys(each.asked for each in found))

    def place(each: Standing) -> tuple[int, float]:
        accuracy = each.accuracy
        return asked.index(each.asked), -1.0 if accuracy is None else -accuracy.value - 1

    return sorted(found, key=place)


def leaderboard(comparisons: Sequence[Comparison]) -> Table:
    """Return the table of all runs, a row each."""
    rows = standings(comparisons)
    columns: dict[str, list[str]] = {
        "type": [each.type for each in rows],
        "record": [each.machine.label for each in rows],
        "model": [each.model or EMPTY for each in rows],
        "what was asked": [each.asked for each in rows],
        "accuracy, %": list(map(_accuracy, rows)),
        "interval": list(map(_interval, rows)),
        "items": [f"{each.counted.total:,}" if each.counted else EMPTY for each in rows],
        "difference": [cells.difference(each.run) if each.run else EMPTY for each in rows],
        "right, beside the first": list(map(_beside_first, rows)),
        "size": [fmt.size(each.run.run.file_bytes) if each.run else EMPTY for each in rows],
        "bits/weight": [
            fmt.plain(each.run.run.bits_per_weight, 2) if each.run else EMPTY for each in rows
        ],
        "tokens/s": [cells.tokens_per_s(each.run) if each.run else EMPTY for each in rows],
        "machine": [_machine(each.machine) for each in rows],
        "date": [fmt.moment(each.machine.created_at) for each in rows],
    }
    if len(set(columns["what was asked"])) == 1:
        del columns["what was asked"]
    if len(set(columns["model"])) == 1:
        del columns["model"]
    if columns["machine"] == columns["record"]:
        del columns["machine"]
    words = {"type", "record", "model", "what was asked", "right, beside the first"}
    words |= {"machine", "date"}
    header = list(columns)
    return Table(
        _caption(rows),
        header,
        [list(row) for row in zip(*columns.values(), strict=True)],
        words=tuple(at for at, name in enumerate(header) if name in words),
    )


def records_table(comparisons: Sequence[Comparison]) -> Table:
    """Return what each record is of, and what wrote it, a row a record."""
    header = ["record", "file", "model", "data", "protocol", "edgeval", "engine", "backend"]
    header += ["threads", "machine", "date"]
    rows = [
        [
            machine.label,
            machine.file,
            EMPTY if machine.model is None else machine.model.title,
            cells.items(machine.data),
            f"{machine.protocol.label} (v{machine.protocol.version})",
            machine.edgeval_version,
            machine.engine.version,
            machine.engine.backend,
            str(machine.engine.threads),
            _machine(machine),
            fmt.moment(machine.created_at),
        ]
        for comparison in comparisons
        for machine in comparison.machines
    ]
    words = tuple(at for at, name in enumerate(header) if name != "threads")
    return Table("The records; the others are compared with the first.", header, rows, words=words)


def _standings(comparison: Comparison) -> Iterator[Standing]:
    for row in comparison.types:
        for machine, run, failure in zip(comparison.machines, row.runs, row.failures, strict=True):
            if run is not None or failure is not None:
                yield Standing(row.name, machine, run, failure)


def _accuracy(each: Standing) -> str:
    if each.accuracy is not None:
        return fmt.accuracy(each.accuracy.value)
    return FAILED if each.run is None else EMPTY


def _interval(each: Standing) -> str:
    if each.accuracy is None:
        return EMPTY
    interval = each.accuracy.interval
    return "exact" if interval.low == interval.high else fmt.accuracy_interval(interval)


def _beside_first(each: Standing) -> str:
    """Return how the run agrees with the first record's, or why it is not compared."""
    if each.run is None:
        return EMPTY
    if each.run.reasons:
        return f"not compared: {', '.join(each.run.reasons)}"
    if each.run.standing == "reference":
        return "is the first"
    return cells.right_items(each.run, each.machine.protocol.metric)


def _machine(machine: ComparedMachine) -> str:
    devices = device_names(machine.devices)
    return f"{short_cpu(machine.device)}, {devices}" if devices else short_cpu(machine.device)


def _caption(rows: Sequence[Standing]) -> str:
    """Return what the table holds."""
    asked = {each.asked for each in rows}
    what = f"Accuracies are of {rows[0].asked}. " if len(asked) == 1 else ""
    levels = sorted(
        {
            fmt.level(each.accuracy.interval)
            for each in rows
            if each.accuracy is not None
            and each.accuracy.interval.low < each.accuracy.interval.high
        }
    )
    intervals = f"Intervals are for the whole split, with {', '.join(levels)}. " if levels else ""
    marked = f"{MARK} marks a speed that says less than others; see below. "
    is_marked = any(each.run and MARK in cells.tokens_per_s(each.run) for each in rows)
    return (
        f"{what}{intervals}{marked if is_marked else ''}Differences, in points, are to the "
        "reference of the same record."
    )
