"""Whether the scores of GPUs were held to the CPU's, in words."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval import errors
from edgeval.records import Evaluation, ModelRun, Report, SelfCheck
from edgeval.report import formatting as fmt
from edgeval.report.backends import backend_and_threads, named

NOT_CHECKED = "not checked"
"""What is said of a GPU's scores that were not held to the CPU's."""

FAILED = "FAILED"
"""What is said of those that are not the CPU's, and were taken as they are."""


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
    checked = [found for _, found in (*passed, *failed)]
    if not checked:
        return NOT_CHECKED if missing else ""
    n_runs = len(checked) + len(missing)
    parts = [f"{FAILED} by {errors.listed(_amounts(failed))}"] if failed else []
    if passed:
        name, most = max(passed, key=lambda each: each[1].token_change / (each[1].bar or 1))
        names = errors.listed([each for each, _ in passed])
        by = f" by {f'all {n_runs}' if len(passed) == n_runs else names}" if n_runs > 1 else ""
        whose = f"{name}, " if n_runs > 1 else ""
        parts.append(
            f"passed{by}; nearest its limit {fmt.nats(most.token_change)} nats a token ({whose}of "
            f"{most.bar:.2g} allowed)"
        )
        parts += _shifts(passed)
    if missing:
        parts.append(f"{errors.listed(missing)} {NOT_CHECKED}")
    fewest, most_items = (pick(found.n_items for found in checked) for pick in (min, max))
    count = f"{most_items:,}" if fewest == most_items else f"{fewest:,} to {most_items:,}"
    each = " a type" if n_runs > 1 else ""
    return f"{backend} against the CPU, {count} items{each}: {'; '.join(parts)}"


def self_check_in_short(runs: Sequence[ModelRun]) -> str:
    """Return how many types passed, or which did not; empty where there was no GPU."""
    passed, failed, missing = _standings(runs)
    if failed:
        return f"{FAILED}: {errors.listed([name for name, _ in failed])}"
    if not passed:
        return NOT_CHECKED if missing else ""
    return f"passed by {len(passed)}" + (f" of {len(passed) + len(missing)}" if missing else "")


def failure(backend: str, runs: Sequence[ModelRun]) -> str:
    """Return which scores were taken though they are not the CPU's; empty if there are none.

    Args:
        backend: What computed the runs.
        runs: The runs of a record.
    """
    _, failed, _ = _standings(runs)
    if not failed:
        return ""
    return (
        f"Self-check failed by {errors.listed(_amounts(failed))}: what {backend} computes there is "
        "not what the CPU does, and these numbers cannot be trusted."
    )


def computed(record: Report | Evaluation) -> str:
    """Return on which GPUs a record was computed, and whether that was checked.

    It is empty where all was computed on the CPU.
    """
    found = self_check(record.engine.backend, record.runs)
    return f"Computed with {backend_and_threads(record)}. Self-check: {found}." if found else ""


def check_of_run(run: ModelRun) -> str:
    """Return how close the GPU of one run came to the CPU, as a sentence; empty without a GPU."""
    found = run.self_check
    if run.offload is None:
        return ""
    if run.from_reference is not None:
        return "Whether that was checked against the CPU there, the file does not say."
    if found is None:
        return f"It was {NOT_CHECKED} against the CPU."
    verb = "passed" if found.has_passed else FAILED
    return (
        f"It {verb} the self-check against the CPU: on {found.n_items:,} items, log-probabilities "
        f"are {fmt.nats(found.token_change)} nats a token apart on average, of "
        f"{found.bar:.2g} allowed{_beside_own(found)}."
    )


def _beside_own(found: SelfCheck) -> str:
    """Return what quantization does to the same items, if that is known, as a clause."""
    if found.own_change is None:
        return ""
    return f", where quantization changes them by {fmt.nats(found.own_change)}"


def _shifts(passed: Sequence[tuple[str, SelfCheck]]) -> list[str]:
    """Return the largest shift of accuracies that the checks saw, if any did look."""
    known = [
        (abs(found.shift_points), found.shift_points, name)
        for name, found in passed
        if found.shift_points is not None
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
    found = gpu_runs(runs)
    checked = [(name, run.self_check) for name, run in found if run.self_check is not None]
    return (
        [each for each in checked if each[1].has_passed],
        [each for each in checked if not each[1].has_passed],
        [name for name, run in found if run.self_check is None],
    )


def _amounts(checked: Sequence[tuple[str, SelfCheck]]) -> list[str]:
    return [f"{name} ({_amount(found)})" for name, found in checked]


def _amount(found: SelfCheck) -> str:
    if found.token_change > found.bar:
        return f"{fmt.nats(found.token_change)} nats a token, {found.bar:.2g} allowed"
    return f"{shift_of(found)} points of accuracy, {found.shift_bar_points:.2g} allowed"


def shift_of(found: SelfCheck) -> str:
    """Return the drift in accuracy that a check saw, in points; empty where it did not look."""
    return "" if found.shift_points is None else fmt.signed(found.shift_points, 2)
