"""Comparison of saved records of several machines, side by side. Nothing here runs a model."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from edgeval.errors import EdgevalError
from edgeval.records import Evaluation, Failure, ModelRun, Report
from edgeval.records.comparison import (
    Beside,
    ComparedMachine,
    ComparedRun,
    ComparedType,
    Comparison,
)
from edgeval.report.compare.agreement import FALSE_ALARM, count_pairs, n_counts, worst
from edgeval.report.compare.labels import labels
from edgeval.report.compare.matching import (
    file_reasons,
    matched_by,
    metric_reasons,
    partners,
    run_differences,
    setting_differences,
    setting_reasons,
)
from edgeval.report.compare.outcomes import beside_reference, contradict
from edgeval.report.compare.speeds import items_per_s, ratio
from edgeval.report.machines import devices_of
from edgeval.report.record_files import load_task
from edgeval.stats.paired import MARGIN_POINTS, require_margin
from edgeval.system.sharing import shareable_path

__all__ = [
    "Comparison",
    "compare",
    "compare_records",
    "require_agreement",
    "require_within_rounding",
]


def compare(
    paths: Sequence[str | Path], margin_points: float = MARGIN_POINTS, task: str | None = None
) -> Comparison:
    """Put saved records side by side.

    Args:
        paths: Files that ``edgeval run`` or ``edgeval eval --json`` wrote, or folders that hold a
            ``report.json``; the first is what the others are compared with.
        margin_points: Two accuracies this close are called equivalent.
        task: The task that is compared, where a record has several.

    Raises:
        EdgevalError: If there are fewer than two, one cannot be read or has no such task, or the
            margin is none.
    """
    require_margin(margin_points)
    files = [Path(path) for path in paths]
    return compare_records([load_task(path, task) for path in files], files, margin_points)


def compare_records(
    records: Sequence[Report | Evaluation],
    paths: Sequence[Path],
    margin_points: float = MARGIN_POINTS,
) -> Comparison:
    """Put records side by side.

    Args:
        records: The records; the first is what the others are compared with.
        paths: Where each was read from.
        margin_points: Two accuracies this close are called equivalent.

    Raises:
        EdgevalError: If there are fewer than two, or the margin is none.
    """
    require_margin(margin_points)
    if len(records) < 2:
        raise EdgevalError("a comparison needs two records; name another one")
    first, *others = records
    named = _named(first.runs)
    failed = _failed(first.failures, named)
    columns = [{name: _uncompared(run, first) for name, run in named.items()}]
    columns += [_column(other, first, list(named), failed) for other in others]
    columns = [
        _with_outcomes(column, beside_reference(record, margin_points))
        for column, record in zip(columns, records, strict=True)
    ]
    columns = [columns[0], *(_with_contradictions(column, columns[0]) for column in columns[1:])]
    failures = [failed]
    failures += [
        _failed(other.failures, column) for other, column in zip(others, columns[1:], strict=True)
    ]
    names = dict.fromkeys(itertools.chain(*columns, *failures))
    machines = zip(
        labels([record.device for record in records], paths), records, paths, strict=True
    )
    return Comparison(
        margin_points=margin_points,
        machines=[_machine(label, record, path, first) for label, record, path in machines],
        types=[
            ComparedType(
                name=name,
                runs=[column.get(name) for column in columns],
                failures=[column.get(name) for column in failures],
            )
            for name in names
        ],
    )


def require_agreement(comparison: Comparison) -> None:
    """Raise unless records could be compared, and agree.

    Raises:
        EdgevalError: If no run could be compared, or one differs by more than rounding explains.
    """
    runs = [run for _, _, run in _others(comparison)]
    if all(run.standing == "not comparable" for run in runs):
        reasons = dict.fromkeys(reason for run in runs for reason in run.reasons)
        raise EdgevalError(
            f"nothing could be compared ({', '.join(reasons) or 'no run has a partner'}); evaluate "
            "the same GGUFs on the same items with the same protocol on each machine"
        )
    require_within_rounding(comparison)


def require_within_rounding(comparison: Comparison) -> None:
    """Raise unless all runs that could be compared agree, if there are any.

    Raises:
        EdgevalError: If one differs by more than rounding explains.
    """
    others = _others(comparison)
    apart = [f"{name} on {label}" for name, label, run in others if run.standing == "differs"]
    if apart:
        raise EdgevalError(
            f"more items differ than rounding explains ({', '.join(apart)}); evaluate with the "
            "same engine version, backend and batch size to find out which of them does it"
        )


def _others(comparison: Comparison) -> list[tuple[str, str, ComparedRun]]:
    """Return the runs of all records but the first, with their names and their records'."""
    return [
        (row.name, machine.label, run)
        for row in comparison.types
        for machine, run in zip(comparison.machines[1:], row.runs[1:], strict=True)
        if run is not None
    ]


def _named(runs: Sequence[ModelRun], taken: Collection[str] = ()) -> dict[str, ModelRun]:
    """Return runs by names that are different for each, and from those that are taken."""
    n_labels = Counter(run.label for run in runs) + Counter(taken)
    named: dict[str, ModelRun] = {}
    for run in runs:
        name = run.label if n_labels[run.label] == 1 else f"{run.label} {run.file}"
        numbered = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
        named[_first_free(numbered, named, taken)] = run
    return named


def _failed(failures: Sequence[Failure], taken: Collection[str]) -> dict[str, Failure]:
    """Return a record's failures by names that its runs, which took theirs, do not have."""
    failed: dict[str, Failure] = {}
    for failure in failures:
        longer = f"{failure.label} {failure.file}"
        numbered = (f"{longer} ({n})" for n in itertools.count(2))
        names = itertools.chain([failure.label, longer], numbered)
        failed[_first_free(names, failed, taken)] = failure
    return failed


def _first_free(names: Iterable[str], *taken: Collection[str]) -> str:
    return next(name for name in names if not any(name in others for others in taken))


def _column(
    other: Report | Evaluation,
    first: Report | Evaluation,
    names: list[str],
    failed: Collection[str],
) -> dict[str, ComparedRun]:
    """Return a record's runs by name, compared with those of the first, where some failed."""
    partner_runs, left = partners(first, other)
    matched = [
        (name, run, reference, _reasons(run, reference, other, first))
        for name, run, reference in zip(names, partner_runs, first.runs, strict=True)
        if run is not None
    ]
    # Each count may be wrong as improbably as leaves all of them the stated probability.
    n_all = sum(n_counts(run, reference) for _, run, reference, why in matched if not any(why))
    column = {}
    for name, run, reference, (of_measurement, of_counts) in matched:
        if of_measurement:
            column[name] = _uncompared(run, other, of_measurement)
        else:
            column[name] = _uncompared(run, other, of_counts).model_copy(
                update={"matched_by": matched_by(run, reference)}
                | ({} if of_counts else _compared(run, reference, FALSE_ALARM / n_all))
            )
    for name, run in _named(left, names).items():
        why_not = "failed" if name in failed else "not evaluated"
        column[name] = _uncompared(run, other, [f"{why_not} on the first machine"])
    return column


def _uncompared(
    run: ModelRun, record: Report | Evaluation, reasons: Sequence[str] = ()
) -> ComparedRun:
    """Return a run that is not compared, for these reasons; without any it is the reference."""
    return ComparedRun(
        run=run,
        items_per_s=items_per_s(run),
        standing="not comparable" if reasons else "reference",
        reasons=list(reasons),
    )


def _with_outcomes(
    column: dict[str, ComparedRun], outcomes: dict[str, Beside]
) -> dict[str, ComparedRun]:
    """Return a record's runs with what it says of them beside its own reference."""
    return {
        name: run.model_copy(update={"beside": outcomes.get(run.run.label)})
        for name, run in column.items()
    }


def _with_contradictions(
    column: dict[str, ComparedRun], first: dict[str, ComparedRun]
) -> dict[str, ComparedRun]:
    """Return runs of the same measurements with whether their outcomes contradict the first's."""
    return {
        name: run.model_copy(
            update={
                "is_contradicted": run.matched_by is not None
                and contradict(run.beside, first[name].beside)
            }
        )
        for name, run in column.items()
    }


def _reasons(
    run: ModelRun,
    reference: ModelRun,
    other: Report | Evaluation,
    first: Report | Evaluation,
) -> tuple[list[str], list[str]]:
    """Return why two runs are not the same measurement, and why their counts say nothing."""
    of_measurement = setting_reasons(other, first) + file_reasons(run, reference, other, first)
    return of_measurement, metric_reasons(run, reference, other.data, first.data)


def _compared(run: ModelRun, reference: ModelRun, level: float) -> dict[str, object]:
    """Return what the counts and speeds of two runs of the same measurement say."""
    metrics = count_pairs(run, reference, level)
    speed_ratio, why_not = ratio(run, reference)
    return {
        "standing": worst(pair.agreement for pair in metrics.values()),
        "differences": run_differences(run, reference),
        "metrics": metrics,
        "speed_ratio": speed_ratio,
        "no_speed_ratio": why_not,
    }


def _machine(
    label: str, record: Report | Evaluation, path: Path, first: Report | Evaluation
) -> ComparedMachine:
    report = record if isinstance(record, Report) else None
    return ComparedMachine(
        label=label,
        file=shareable_path(str(path)),
        edgeval_version=record.edgeval_version,
        created_at=record.created_at,
        model=report and report.model,
        data=record.data,
        protocol=record.protocol,
        engine=record.engine,
        device=record.device,
        devices=devices_of(record.runs),
        elapsed_s=report and report.elapsed_s,
        peak_rss_bytes=report and report.peak_rss_bytes,
        differences=setting_differences(record, first),
        corrections=list(record.corrections),
    )
