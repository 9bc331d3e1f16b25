"""Sentences about kernels that are not trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeval.engine import Engine
from edgeval.errors import KernelError, listed
from edgeval.llama import builds
from edgeval.records import KernelTrial
from edgeval.records.kernels import Kernels


def cause(trials: Sequence[KernelTrial]) -> str:
    """Return what is wrong with kernels, as a clause; the same for all types that fail alike.

    Args:
        trials: Trials of one path that are not sound, at least one.
    """
    first = trials[0]
    whose = kernels_named(first.kernels, first.buffer)
    if first.status == "died":
        return f"{whose} end with {first.cause} on this CPU"
    if first.status == "unchecked":
        return f"{whose} are not checked"
    return f"{whose} compute wrongly on this CPU"


def fault(trials: Sequence[KernelTrial]) -> str:
    """Return what is wrong with kernels and with which types, as a clause.

    Args:
        trials: Trials of one path that are not sound, at least one.
    """
    alike = [each.type for each in trials if _kind_of(each) == _kind_of(trials[0])]
    return f"{cause(trials)} with {listed(alike)}"


def kernels_named(kernels: Kernels, buffer: str | None) -> str:
    """Return what kernels are called in a sentence."""
    if kernels == "plain":
        return "llama.cpp's plain kernels"
    return f"llama.cpp's {buffer or 'default'} kernels"


def refused(
    path: Path, bad: Sequence[KernelTrial], other: Sequence[KernelTrial], engine: Engine
) -> KernelError:
    """Return the error of a model that is not computed.

    Args:
        path: Its file.
        bad: Trials of the path that was asked for, or of ``default``, that are not sound.
        other: Those of the other path; empty if it is sound.
        engine: What says how llama.cpp was built.
    """
    if not other:
        return KernelError(f"{path.name} is not computed: {fault(bad)}; use --kernels auto")
    return KernelError(
        f"{path.name} is not computed: {fault(bad)}, and {fault(other)}; "
        f"{_remedy([*bad, *other], engine)}"
    )


def _remedy(trials: Sequence[KernelTrial], engine: Engine) -> str:
    if all("illegal instruction" in str(each.cause) for each in trials):
        return builds.remedy_for_illegal_instruction(engine.facts().features)
    return (
        "evaluate another type, or install another build of llama-cpp-python (edgeval doctor "
        "tells more)"
    )


def _kind_of(trial: KernelTrial) -> tuple[str, str | None, str | None]:
    return trial.status, trial.cause if trial.status == "died" else None, trial.buffer
