"""Comparisons of example records, changed one field at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from edgeval.cli.terminal.comparison import table
from edgeval.records import Evaluation, Flip, Report
from edgeval.records.comparison import ComparedRun, Comparison
from edgeval.report.compare.compare import compare_records
from tests.helpers.reports import example_report

N_ITEMS = 2009
HERE, THERE = "Intel Xeon Platinum 8481C", "Raspberry Pi 5 Model B"
OTHER_SHA256 = "ff" * 32
DIFFERENCES = (
    "Differences are those of each machine's types to its own reference on the whole split, in "
    "points, held to a margin of 1 point."
)
TYPES = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"]


def machine(cpu: str = f"{THERE} Rev 1.0", *, n_items: int = N_ITEMS) -> Report:
    """Return the example's report, made on another machine."""
    record = example_report(n_items=n_items, status=None)
    device = changed(record.device, cpu=cpu)
    runs = [changed(run, speed=changed(run.speed, device=device)) for run in record.runs]
    return changed(record, device=device, runs=runs)


def changed(record: Any, **values: object) -> Any:
    """Return a record with other values, which are checked as those of a file are."""
    content = json.loads(record.model_dump_json())
    for name, value in values.items():
        content[name] = json.loads(
            json.dumps(value, default=lambda each: each.model_dump(mode="json"))
        )
    return type(record).model_validate_json(json.dumps(content))


def with_run(record: Report, index: int, **values: object) -> Report:
    runs = list(record.runs)
    runs[index] = changed(runs[index], **values)
    return changed(record, runs=runs)


def with_right(record: Report, index: int, extra: int, metric: str = "acc_norm") -> Report:
    """Return a report in which one run has more items right."""
    metrics = dict(record.runs[index].metrics)
    metrics[metric] = changed(metrics[metric], correct=metrics[metric].correct + extra)
    return with_run(record, index, metrics=metrics)


def evaluation(record: Report) -> Evaluation:
    """Return what ``edgeval eval --json`` would have printed."""
    names = Evaluation.model_fields
    return Evaluation(**{name: getattr(record, name) for name in names})


def side_by_side(*others: Report | Evaluation, first: Report | Evaluation | None = None) -> Any:
    records = [first or example_report(n_items=N_ITEMS, status=None), *others]
    return compare_records(records, [Path(f"{index}.json") for index in range(len(records))])


def column(found: Comparison, index: int = 1) -> dict[str, ComparedRun | None]:
    return {row.name: row.runs[index] for row in found.types}


def printed(found: Comparison, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(found))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


LEVEL = 0.01 / 32
"""Of each of four metrics of eight types."""


# What each says beside its own reference


def whole(record: Report, points: dict[str, float]) -> Report:
    """Return a report of its whole split in which types have these differences, all one way."""
    n_items = record.data.n_items
    record = changed(record, data=changed(record.data, n_total=n_items))
    drifts = []
    for drift in record.drift:
        n_flips = round(abs(points.get(drift.label, 0.0)) * n_items / 100)
        is_lost = points.get(drift.label, 0.0) < 0
        flip = Flip(item="1", group="g", gold=0, reference_pick=0, pick=1)
        flips = [changed(flip, item=str(index)) for index in range(n_flips)]
        drifts.append(
            changed(
                drift,
                difference_points=100 * (-n_flips if is_lost else n_flips) / n_items,
                right_to_wrong=n_flips if is_lost else 0,
                wrong_to_right=0 if is_lost else n_flips,
                mcnemar_p=1.0,
                flips=flips,
            )
        )
    return changed(record, drift=drifts)


# What may not be compared


def data(**values: object) -> Callable[[Report], Report]:
    return lambda record: changed(record, data=changed(record.data, **values))


def protocol(**values: object) -> Callable[[Report], Report]:
    return lambda record: changed(record, protocol=changed(record.protocol, **values))


def other_model(record: Report) -> Report:
    return changed(record, model=changed(record.model, fingerprint="00"))


def here() -> Report:
    return example_report(n_items=N_ITEMS, status=None)
