"""Where the models of a record were computed, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgeval import errors
from edgeval.records import Evaluation, ModelRun, OffloadInfo, Report


def where(backend: str, offload: OffloadInfo | None) -> str:
    """Return a backend with its devices: ``cpu``, or ``cuda on NVIDIA H200``."""
    return backend if offload is None else f"{backend} {_there(offload)}"


def backend_of(backend: str, runs: Sequence[ModelRun]) -> str:
    """Return a backend with the devices of what was computed with it, once if all have the same.

    Args:
        backend: Its name.
        runs: The runs of a record; those from a reference file are left out.
    """
    names: dict[str, list[str]] = {}
    for name, run in named(runs):
        names.setdefault(_there(run.offload) if run.offload else "", []).append(name)
    if len(names) <= 1:
        return f"{backend} {next(iter(names), '')}".rstrip()
    groups = (f"{errors.listed(each)} {there or 'on the CPU'}" for there, each in names.items())
    return f"{backend} ({'; '.join(groups)})"


def backend_and_threads(record: Report | Evaluation) -> str:
    """Return where the models of a record were computed, and with how many threads.

    Of scores that were all in the store, others know the threads: the record's were not used.
    """
    engine, runs = record.engine, named(record.runs)
    is_stored = all(run.speed is None and run.n_from_store for _, run in runs)
    used = "all scores from the store" if runs and is_stored else f"{engine.threads} threads"
    return f"{backend_of(engine.backend, record.runs)}, {used}"


def plain_kernels(runs: Sequence[ModelRun]) -> str:
    """Return what was computed with llama.cpp's plain kernels, and why; empty for nothing.

    Args:
        runs: The runs of a record; those from a reference file are left out.
    """
    reasons: dict[str, list[str]] = {}
    for name, run in named(runs):
        if run.kernels == "plain":
            reasons.setdefault(run.kernels_reason or "", []).append(name)
    groups = (
        errors.listed(names) + (f" ({reason})" if reason else "")
        for reason, names in reasons.items()
    )
    return "; ".join(groups)


def device_names(names: Sequence[str]) -> str:
    """Return devices as a phrase, each name once with how many there are; empty for none."""
    times = "\N{MULTIPLICATION SIGN}"
    counts = Counter(names).items()
    parts = [name if n == 1 else f"{n} {times} {name}" for name, n in counts]
    return errors.listed(parts) if parts else ""


def devices_of(runs: Sequence[ModelRun]) -> list[str]:
    """Return the GPUs of the run that was computed on the most of them; none on the CPU."""
    found = [run.offload.devices for _, run in named(runs) if run.offload is not None]
    return max(found, key=len, default=[])


def named(runs: Sequence[ModelRun]) -> list[tuple[str, ModelRun]]:
    """Return what was measured here, not read from a reference file, each by a name of its own."""
    measured = [run for run in runs if run.from_reference is None]
    n_labels = Counter(run.label for run in measured)
    return [(run.label if n_labels[run.label] == 1 else run.file, run) for run in measured]


def _there(offload: OffloadInfo) -> str:
    names = device_names(offload.devices)
    if offload.layers >= offload.n_layers:
        return f"on {names}"
    return f"with {offload.layers} of {offload.n_layers} layers on {names}, the rest on the CPU"
