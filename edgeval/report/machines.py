"""Machines in words: where models were computed, and whether GPUs were held to the CPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgeval.errors import listed
from edgeval.records import Evaluation, ModelRun, OffloadInfo, Report, SelfCheck
from edgeval.report import formatting as fmt
from edgeval.report.record_view import RecordView, named

NOT_CHECKED = "not checked"
"""What is said of a GPU's scores that were not held to the CPU's."""

FAILED = "FAILED"
"""What is said of those that are not the CPU's, and were taken as they are."""


def where(backend: str, offload: OffloadInfo | None) -> str:
    """Return a backend with its devices: ``cpu``, or ``cuda on NVIDIA H200``."""
    return backend if offload is None else f"{backend} {_there(offload)}"


def backend_of(backend: str, runs: Sequence[ModelRun]) -> str:
    """Return a backend with the devices of what was computed with it, once if all have the same.

    Args:
        backend: Its name.
        runs: The runs of a record; those from a reference file are left out.
    """
    groups: dict[str, list[str]] = {}
    for name, run in named(runs):
        groups.setdefault(_there(run.offload) if run.offload else "", []).append(name)
    if len(groups) <= 1:
        return f"{backend} {next(iter(groups), '')}".rstrip()
    texts = (f"{listed(names)} {there or 'on the CPU'}" for there, names in groups.items())
    return f"{backend} ({'; '.join(texts)})"


def backend_and_threads(view: RecordView[Report | Evaluation]) -> str:
    """Return where the models of a record were computed, and with how many threads.

    Of scores that were all in the store, others know the threads: the record's were not used.
    """
    engine, runs = view.record.engine, view.named
    is_stored = all(run.speed is None and run.n_from_store for _, run in runs)
    used = "all scores from the store" if runs and is_stored else f"{engine.threads} threads"
    return f"{backend_of(engine.backend, view.record.runs)}, {used}"


def plain_kernels(runs: Sequence[ModelRun]) -> str:
    """Return what was computed with llama.cpp's plain kernels, and why; empty for nothing.

    Args:
        runs: The runs of a record; those from a reference file are left out.
    """
    reasons: dict[str, list[str]] = {}
    for name, run in named(runs):
        if run.kernels == "plain":
            reasons.setdefault(run.kernels_reason or "", []).append(name)
    texts = (
        listed(names) + (f" ({reason})" if reason else "") for reason, names in reasons.items()
    )
    return "; ".join(texts)


def device_names(names: Sequence[str]) -> str:
    """Return devices as a phrase, each name once with how many there are; empty for none."""
    times = "\N{MULTIPLICATION SIGN}"
    counts = Counter(names).items()
    parts = [name if n == 1 else f"{n} {times} {name}" for name, n in counts]
    return listed(parts) if parts else ""


def devices_of(runs: Sequence[ModelRun]) -> list[str]:
    """Return the GPUs of the run that was computed on the most of them; none on the CPU."""
    devices = [run.offload.devices for _, run in named(runs) if run.offload is not None]
    return max(devices, key=len, default=[])


def gpu_runs(runs: Sequence[ModelRun]) -> list[tuple[str, ModelRun]]:
    """Return what was measured here with GPUs, each with its name."""
    return [(name, run) for name, run in named(runs) if run.offload is not None]


def self_check(backend: str, runs: Sequence[ModelRun]) -> str:
    """Return which types passed and how close they came; empty where there was no GPU.

    Args:
        backend: What computed the runs.
        runs: The runs of a record.
    """
    passed, failed, missing = _standings(runs)
    checks = [check for _, check in (*passed, *failed)]
    if not checks:
        return NOT_CHECKED if missing else ""
    n_runs = len(checks) + len(missing)
    parts = [f"{FAILED} by {listed(_amounts(failed))}"] if failed else []
    if passed:
        name, most = max(passed, key=lambda pair: pair[1].token_change / (pair[1].bar or 1))
        names = listed([checked for checked, _ in passed])
        by = f" by {f'all {n_runs}' if len(passed) == n_runs else names}" if n_runs > 1 else ""
        whose = f"{name}, " if n_runs > 1 else ""
        parts.append(
            f"passed{by}; nearest its limit {fmt.nats(most.token_change)} nats a token ({whose}of "
            f"{most.bar:.2g} allowed)"
        )
        parts += _shifts(passed)
    if missing:
        parts.append(f"{listed(missing)} {NOT_CHECKED}")
    fewest, most_items = (pick(check.n_items for check in checks) for pick in (min, max))
    count = f"{most_items:,}" if fewest == most_items else f"{fewest:,} to {most_items:,}"
    a_type = " a type" if n_runs > 1 else ""
    return f"{backend} against the CPU, {count} items{a_type}: {'; '.join(parts)}"


def self_check_in_short(runs: Sequence[ModelRun]) -> str:
    """Return how many types passed, or which did not; empty where there was no GPU."""
    passed, failed, missing = _standings(runs)
    if failed:
        return f"{FAILED}: {listed([name for name, _ in failed])}"
    if not passed:
        return NOT_CHECKED if missing else ""
    return f"passed by {len(passed)}" + (f" of {len(passed) + len(missing)}" if missing else "")


def failed_self_check(backend: str, runs: Sequence[ModelRun]) -> str:
    """Return which scores were taken though they are not the CPU's; empty if there are none.

    Args:
        backend: What computed the runs.
        runs: The runs of a record.
    """
    _, failed, _ = _standings(runs)
    if not failed:
        return ""
    return (
        f"Self-check failed by {listed(_amounts(failed))}: what {backend} computes there is "
        "not what the CPU does, and these numbers cannot be trusted."
    )


def computed(view: RecordView[Report | Evaluation]) -> str:
    """Return on which GPUs a record was computed, and whether that was checked.

    It is empty where all was computed on the CPU.
    """
    check = self_check(view.record.engine.backend, view.record.runs)
    return f"Computed with {backend_and_threads(view)}. Self-check: {check}." if check else ""


def check_of_run(run: ModelRun) -> str:
    """Return how close the GPU of one run came to the CPU, as a sentence; empty without a GPU."""
    check = run.self_check
    if run.offload is None:
        return ""
    if run.from_reference is not None:
        return "Whether that was checked against the CPU there, the file does not say."
    if check is None:
        return f"It was {NOT_CHECKED} against the CPU."
    verb = "passed" if check.has_passed else FAILED
    return (
        f"It {verb} the self-check against the CPU: on {check.n_items:,} items, log-probabilities "
        f"are {fmt.nats(check.token_change)} nats a token apart on average, of "
        f"{check.bar:.2g} allowed{_beside_own(check)}."
    )


def _beside_own(check: SelfCheck) -> str:
    """Return what quantization does to the same items, if that is known, as a clause."""
    if check.own_change is None:
        return ""
    return f", where quantization changes them by {fmt.nats(check.own_change)}"


def _shifts(passed: Sequence[tuple[str, SelfCheck]]) -> list[str]:
    """Return the largest shift of accuracies that the checks saw, if any did look."""
    known = [
        (abs(check.shift_points), check.shift_points, name)
        for name, check in passed
        if check.shift_points is not None
    ]
    if not known:
        return []
    _, points, name = max(known)
    whose = f" ({name})" if len(passed) > 1 else ""
    return [f"largest shift of accuracy {fmt.signed(points, 2)} points{whose}, within chance"]


def _standings(
    runs: Sequence[ModelRun],
) -> tuple[list[tuple[str, SelfCheck]], list[tuple[str, SelfCheck]], list[str]]:
    """Return the GPU runs that passed, those that failed, and the names of the others."""
    on_gpus = gpu_runs(runs)
    checked = [(name, run.self_check) for name, run in on_gpus if run.self_check is not None]
    return (
        [(name, check) for name, check in checked if check.has_passed],
        [(name, check) for name, check in checked if not check.has_passed],
        [name for name, run in on_gpus if run.self_check is None],
    )


def _amounts(checked: Sequence[tuple[str, SelfCheck]]) -> list[str]:
    return [f"{name} ({_amount(check)})" for name, check in checked]


def _amount(check: SelfCheck) -> str:
    if check.token_change > check.bar:
        return f"{fmt.nats(check.token_change)} nats a token, {check.bar:.2g} allowed"
    return f"{shift_of(check)} points of accuracy, {check.shift_bar_points:.2g} allowed"


def shift_of(check: SelfCheck) -> str:
    """Return the drift in accuracy that a check saw, in points; empty where it did not look."""
    return "" if check.shift_points is None else fmt.signed(check.shift_points, 2)


def _there(offload: OffloadInfo) -> str:
    names = device_names(offload.devices)
    if offload.layers >= offload.n_layers:
        return f"on {names}"
    return f"with {offload.layers} of {offload.n_layers} layers on {names}, the rest on the CPU"
