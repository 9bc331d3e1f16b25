"""Ratios of speeds, where both are of the same work on the same device."""

from __future__ import annotations

from edgeval.records import Machine, ModelRun, Speed

_GIB = 1024**3


def items_per_s(run: ModelRun) -> float | None:
    """Return the items that the record's own command scored a second; None if it scored none."""
    speed = run.speed
    if speed is None or speed.tokens_per_s is None or not speed.n_items:
        return None
    return speed.n_items / speed.elapsed_s


def is_of_part(run: ModelRun) -> bool:
    """Return whether a run's speed was measured on fewer items than its accuracies."""
    n_items = max((metric.total for metric in run.metrics.values()), default=0)
    return run.speed is not None and run.speed.n_items < n_items


def ratio(run: ModelRun, reference: ModelRun) -> tuple[float | None, str | None]:
    """Return a run's tokens a second over another's, or why there is no such number.

    Args:
        run: The run.
        reference: The other, of the same items.

    Returns:
        The ratio and None; None and the reason as a clause; or None twice, where no speed was
        measured with one of them.
    """
    return speed_ratio(run.speed, reference.speed, is_same_place=run.offload == reference.offload)


def speed_ratio(
    ours: Speed | None, theirs: Speed | None, *, is_same_place: bool
) -> tuple[float | None, str | None]:
    """Return a speed over another one of the same items, or why there is no such number.

    Args:
        ours: The speed.
        theirs: The other.
        is_same_place: Whether the same layers were computed on the same GPUs.

    Returns:
        As ``ratio``.
    """
    if ours is None or theirs is None or not (ours.tokens_per_s and theirs.tokens_per_s):
        return None, None
    reason = _reason(ours, theirs, is_same_place)
    return (None, reason) if reason else (ours.tokens_per_s / theirs.tokens_per_s, None)


def _reason(ours: Speed, theirs: Speed, is_same_place: bool) -> str | None:
    if _identity(ours.device) != _identity(theirs.device) or not is_same_place:
        return "another device"
    if ours.threads != theirs.threads:
        return f"other threads ({ours.threads}, not {theirs.threads})"
    if ours.n_items != theirs.n_items:
        return f"of other items ({ours.n_items:,}, not {theirs.n_items:,})"
    return "measured under load" if ours.is_loaded or theirs.is_loaded else None


def _identity(device: Machine) -> tuple[str, str, int, int, int]:
    """Return what tells machines apart, whatever runs on them; kernels take some of the memory."""
    cores = (device.physical_cores, device.logical_cores)
    return (device.machine, device.cpu, *cores, round(device.memory_bytes / _GIB))
