"""How fast models were scored, in words that name what a speed belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval import errors
from edgeval.records import Evaluation, ModelRun, Report, Speed
from edgeval.report import formatting as fmt
from edgeval.report.backends import device_names, devices_of, named
from edgeval.report.items import items_of

EMPTY = "\N{EN DASH}"
"""What stands for a speed that was not measured."""

MARK = "*"
"""What stands behind a speed that says less than others do; a sentence says why."""


def rate(record: Report | Evaluation, run: ModelRun) -> str:
    """Return a run's tokens a second as measured in the record's own command, or a dash.

    A mark tells that it was measured under load, or on a part of the items.
    """
    speed = run.speed
    if speed is None or speed.tokens_per_s is None or run.from_reference is not None:
        return EMPTY
    is_marked = speed.is_loaded or _is_of_part(record, run)
    return fmt.rate(speed.tokens_per_s) + (MARK if is_marked else "")


def cpu_load(speed: Speed) -> str:
    """Return what other processes used of the CPUs: ``0.3 of 2``; empty if nobody knows."""
    if speed.cpu_load is None or speed.n_cpus is None:
        return ""
    return f"{fmt.plain(speed.cpu_load, 1)} of {speed.n_cpus}"


def sentences(record: Report | Evaluation) -> list[str]:
    """Return what the speeds of a record belong to, and why some are missing or say less.

    Nothing is said where nothing was measured in the record's command, or could have been.
    """
    runs = named(record.runs)
    found = [(name, run, run.speed) for name, run in runs if run.speed is not None]
    measured = [speed for _, _, speed in found]
    part = [(name, speed) for name, run, speed in found if _is_of_part(record, run)]
    loaded = [(name, speed) for name, _, speed in found if speed.is_loaded]
    gpus = devices_of(record.runs)
    lines = [f"Speed: {_measured(measured, gpus)}."] if measured else []
    if part:
        each = [f"{name} ({_items(speed.n_items)})" for name, speed in part]
        lines.append(
            f"{MARK} Measured on a part of the items, for the store had the others: "
            f"{errors.listed(each)}."
        )
    if loaded:
        each = [f"{name} ({cpu_load(speed)} CPUs)" for name, speed in loaded]
        lines.append(
            f"{MARK} Measured under load, slower than on an idle machine, for others computed too: "
            f"{errors.listed(each)}."
        )
    return [*lines, *_not_measured(runs)]


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
    return f"{on} with {threads(speed.threads)}{when}"


def in_full(speed: Speed, gpus: Sequence[str]) -> str:
    """Return a speed with all that it belongs to, as a phrase."""
    parts = [where(speed, gpus)]
    if speed.tokens_per_s is not None:
        parts.append(f"{fmt.rate(speed.tokens_per_s)} tokens/s on {_items(speed.n_items)}")
    if load := cpu_load(speed):
        parts.append(f"other processes kept {load} CPUs busy")
    return "; ".join(parts)


def from_store(run: ModelRun) -> str:
    """Return who computed the scores that the store had, as a phrase; empty if it had none."""
    if not run.n_from_store:
        return ""
    # Scores of other GPUs are other scores.
    gpus = run.offload.devices if run.offload else []
    return " and on ".join(dict.fromkeys(where(each, gpus) for each in run.stored))


def threads(count: int) -> str:
    """Return a number of threads: ``1 thread``."""
    return f"{count:,} thread{'' if count == 1 else 's'}"


def _measured(speeds: Sequence[Speed], gpus: Sequence[str]) -> str:
    """Return what speeds of one command belong to."""
    first = speeds[0]
    begun = [each.measured_at for each in speeds if each.measured_at is not None]
    moments = list(dict.fromkeys(fmt.moment(each) for each in (min(begun), max(begun))))
    loads = [each for each in speeds if each.cpu_load is not None]
    most = max(loads, key=lambda each: each.cpu_load or 0.0, default=None)
    up_to = "up to " if len(loads) > 1 else ""
    others = "what other processes did is not known"
    if most is not None:
        others = f"other processes kept {up_to}{cpu_load(most)} CPUs busy"
    return (
        f"measured {' to '.join(moments)} on {machine(first, gpus)} "
        f"with {threads(first.threads or 0)}; {others}"
    )


def _not_measured(runs: Sequence[tuple[str, ModelRun]]) -> list[str]:
    """Return why there is no speed of some runs, a sentence for each reason."""
    names: dict[str, list[str]] = {}
    for name, run in runs:
        if run.speed is None:
            names.setdefault(_why_not(run), []).append(name)
    return [f"{EMPTY} No speed of {errors.listed(each)}: {why}." for why, each in names.items()]


def _why_not(run: ModelRun) -> str:
    if not run.n_from_store:
        return "an older edgeval made the record, and did not keep what it belongs to"
    before = from_store(run)
    return f"all scores are from the store{f', computed on {before}' if before else ''}"


def _is_of_part(record: Report | Evaluation, run: ModelRun) -> bool:
    return run.speed is not None and run.speed.n_items < items_of(record, run)


def _items(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"
