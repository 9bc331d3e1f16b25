"""Speeds in words, with the device, the threads and the time that they belong to."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.errors import counted, listed
from edgeval.records import Evaluation, ModelRun, Report, Speed
from edgeval.report import formatting as fmt
from edgeval.report.machines import device_names, devices_of
from edgeval.report.record_view import RecordView, RunView

EMPTY = "\N{EN DASH}"
"""What stands for a speed that was not measured."""

ERROR = "\N{PLUS-MINUS SIGN}"
"""What stands before the standard error of a speed."""

MARK = "*"
"""What stands behind a speed that says less than others do; a sentence says why."""


def rate(row: RunView) -> str:
    """Return a run's tokens a second as measured in the record's own command, or a dash.

    A mark tells that it was measured under load, or on a part of the items.
    """
    speed = row.run.speed
    if speed is None or speed.tokens_per_s is None or row.run.from_reference is not None:
        return EMPTY
    is_marked = speed.is_loaded or speed.n_items < row.n_items
    return in_short(speed) + (MARK if is_marked else "")


def in_short(speed: Speed) -> str:
    """Return tokens a second with their standard error, as far as known: ``45.2 ± 0.3``."""
    if speed.tokens_per_s is None:
        return EMPTY
    told, error = fmt.rate(speed.tokens_per_s), speed.tokens_per_s_error
    return told if error is None else f"{told} {ERROR} {fmt.plain(error, _decimals(error))}"


def cpu_load(speed: Speed) -> str:
    """Return what other processes used of the CPUs: ``0.3 of 2``; empty if nobody knows."""
    if speed.cpu_load is None or speed.n_cpus is None:
        return ""
    return f"{fmt.plain(speed.cpu_load, 1)} of {speed.n_cpus}"


def sentences(view: RecordView[Report | Evaluation]) -> list[str]:
    """Return what the speeds of a record belong to, and why some are missing or say less.

    Nothing is said where nothing was measured in the record's command, or could have been.
    """
    measured = [(name, run, run.speed) for name, run in view.named if run.speed is not None]
    speeds = [speed for _, _, speed in measured]
    metric = view.record.protocol.metric
    part = [
        f"{name} ({counted(speed.n_items, 'item')})"
        for name, run, speed in measured
        if speed.n_items < run.metrics[metric].total
    ]
    loaded = [f"{name} ({cpu_load(speed)} CPUs)" for name, _, speed in measured if speed.is_loaded]
    lines = [f"Speed: {_measured(speeds, devices_of(view.record.runs))}."] if speeds else []
    if any(speed.tokens_per_s_error is not None for speed in speeds):
        lines[0] += f" {ERROR} is the standard error over parts of that time."
    if part:
        lines.append(
            f"{MARK} Measured on a part of the items, for the store had the others: {listed(part)}."
        )
    if loaded:
        lines.append(
            f"{MARK} Measured under load, slower than on an idle machine, for others computed too: "
            f"{listed(loaded)}."
        )
    return [*lines, *_not_measured(view.named)]


def machine(speed: Speed, gpus: Sequence[str]) -> str:
    """Return what computed, as a phrase: the GPUs, and the CPU that has a part in everything."""
    names = device_names(gpus)
    return f"{names} and {speed.device.cpu}" if names else speed.device.cpu


def where(speed: Speed, gpus: Sequence[str]) -> str:
    """Return what a speed belongs to, as a phrase: device, threads and when, as far as known."""
    on = machine(speed, gpus)
    if speed.threads is None:
        return f"{on}, with threads that were not kept"
    when = "" if speed.measured_at is None else f", {fmt.moment(speed.measured_at)}"
    return f"{on} with {counted(speed.threads, 'thread')}{when}"


def in_full(speed: Speed, gpus: Sequence[str]) -> str:
    """Return a speed with all that it belongs to, as a phrase."""
    parts = [where(speed, gpus)]
    if speed.tokens_per_s is not None:
        parts.append(f"{in_short(speed)} tokens/s on {counted(speed.n_items, 'item')}")
    if load := cpu_load(speed):
        parts.append(f"other processes kept {load} CPUs busy")
    return "; ".join(parts)


def from_store(run: ModelRun) -> str:
    """Return who computed the scores that the store had, as a phrase; empty if it had none."""
    if not run.n_from_store:
        return ""
    # Scores of other GPUs are other scores.
    gpus = run.offload.devices if run.offload else []
    return " and on ".join(dict.fromkeys(where(speed, gpus) for speed in run.stored))


def _decimals(error: float) -> int:
    """Return as many decimals as leave a digit of all but the smallest errors."""
    return 0 if error >= 9.95 else 1 if error >= 0.095 else 2


def _measured(speeds: Sequence[Speed], gpus: Sequence[str]) -> str:
    """Return what speeds of one command belong to."""
    first = speeds[0]
    begun = [speed.measured_at for speed in speeds if speed.measured_at is not None]
    moments = list(dict.fromkeys(fmt.moment(time) for time in (min(begun), max(begun))))
    loads = [speed for speed in speeds if speed.cpu_load is not None]
    most = max(loads, key=lambda speed: speed.cpu_load or 0.0, default=None)
    up_to = "up to " if len(loads) > 1 else ""
    others = "what other processes did is not known"
    if most is not None:
        others = f"other processes kept {up_to}{cpu_load(most)} CPUs busy"
    return (
        f"measured {' to '.join(moments)} on {machine(first, gpus)} "
        f"with {counted(first.threads or 0, 'thread')}; {others}"
    )


def _not_measured(runs: Sequence[tuple[str, ModelRun]]) -> list[str]:
    """Return why there is no speed of some runs, a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, run in runs:
        if run.speed is None:
            reasons.setdefault(_why_not(run), []).append(name)
    return [f"{EMPTY} No speed of {listed(names)}: {why}." for why, names in reasons.items()]


def _why_not(run: ModelRun) -> str:
    if not run.n_from_store:
        return "an older edgeval made the record, and did not keep what it belongs to"
    before = from_store(run)
    return f"all scores are from the store{f', computed on {before}' if before else ''}"
