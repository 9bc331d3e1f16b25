"""Table of a history: a row a run, those of a measurement in the order of time."""

from __future__ import annotations

from edgeval.records.history import History, Measurement, PastRun
from edgeval.report import formatting as fmt
from edgeval.report.compare.labels import short_cpu
from edgeval.report.details import Table
from edgeval.report.history.sentences import name, settings
from edgeval.report.machines import device_names
from edgeval.report.speeds import EMPTY, in_short

NUMBERS = ("items", "accuracy, %", "interval", "new picks", "lost / gained")
SIZES = ("mean change", "largest change", "tokens/s")

HEADER = ("run", "date", "engine", *NUMBERS, *SIZES)
"""The columns of one measurement."""


def cells(run: PastRun) -> list[str]:
    """Return the cells of a run below ``HEADER``."""
    scores = run.change.scores if run.change else None
    return [
        str(run.number),
        fmt.moment(run.created_at),
        run.setting.engine,
        f"{run.n_items:,}",
        EMPTY if run.accuracy is None else fmt.accuracy(run.accuracy.value),
        _interval(run),
        EMPTY if scores is None or not scores.n_items else f"{scores.n_new_picks:,}",
        EMPTY
        if scores is None or scores.lost is None or scores.gained is None
        else f"{scores.lost:,} / {scores.gained:,}",
        _nats(scores.mean_nats if scores else None),
        _nats(scores.largest_nats if scores else None),
        EMPTY if run.speed is None else in_short(run.speed),
    ]


def history_table(history: History) -> Table:
    """Return all runs, for a page."""
    header = ["run", "measurement", "type", *HEADER[1:], "machine", "what else changed"]
    rows = []
    for of in history.measurements:
        for run in of.runs:
            number, *rest = cells(run)
            known = [name(of, history), of.type or EMPTY]
            rows.append([number, *known, *rest, machine(run), settings(run.change) or EMPTY])
    words = {"measurement", "type", "date", "engine", "machine", "what else changed"}
    return Table(
        "A row a run; changes are beside the run before of the same measurement, sizes in nats.",
        header,
        rows,
        words=tuple(at for at, title in enumerate(header) if title in words),
    )


def measurements_table(history: History) -> Table:
    """Return what was measured, a row a file, data set and protocol."""
    header = ["measurement", "file", "type", "task", "data", "protocol", "metric", "runs"]
    header += ["SHA-256 of the file", "fingerprint of the data"]
    rows = [_measurement(of, history) for of in history.measurements]
    return Table(
        "What was measured: one file on one data set under one protocol.",
        header,
        rows,
        words=tuple(at for at, title in enumerate(header) if title != "runs"),
        hashes=(len(header) - 2, len(header) - 1),
    )


def machine(run: PastRun) -> str:
    """Return the CPU, and the GPUs if there were some."""
    cpu = EMPTY if run.device is None else short_cpu(run.device)
    devices = device_names(run.setting.devices)
    return f"{cpu}, {devices}" if devices else cpu


def _measurement(of: Measurement, history: History) -> list[str]:
    shots = f", {of.shots}-shot" if of.shots else ""
    return [
        name(of, history),
        of.file,
        of.type or EMPTY,
        of.task,
        of.data,
        f"{of.protocol}{shots} (v{of.protocol_version})",
        of.metric,
        f"{len(of.runs):,}",
        of.sha256,
        of.data_fingerprint,
    ]


def _interval(run: PastRun) -> str:
    if run.accuracy is None:
        return EMPTY
    interval = run.accuracy.split_interval
    return "exact" if interval.low == interval.high else fmt.accuracy_interval(interval)


def _nats(size: float | None) -> str:
    return EMPTY if size is None else fmt.nats(size)
