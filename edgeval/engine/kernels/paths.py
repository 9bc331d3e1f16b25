"""Paths by which the kernels that are chosen multiply, by what llama.cpp said when it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgeval.engine import Engine
from edgeval.llama.paths import CpuBuild, Layout
from edgeval.records import KernelTrial
from edgeval.records.bench import TensorPath
from edgeval.records.kernels import Kernels

_TIMEOUT_S = 120.0


def cpu_build(engine: Engine) -> CpuBuild:
    """Return what decides how the installed llama.cpp multiplies on this CPU.

    Raises:
        EngineError: If llama.cpp cannot be loaded, or does not answer.
    """
    backends, _ = engine.backends(_TIMEOUT_S)
    return CpuBuild.of(engine.facts().features, backends)


def paths_of_trials(
    trials: Iterable[KernelTrial], kernels: Kernels, build: CpuBuild
) -> dict[str, str]:
    """Return the path of each tensor type that was tried, as far as it is known.

    Args:
        trials: What came of trying types, see ``checks.check_types``.
        kernels: The kernels that are used.
        build: What they are of.
    """
    found = {
        each.type: build.path(each.type, each.buffer)
        for each in trials
        if each.kernels == kernels and each.status != "unchecked"
    }
    return {kind: path for kind, path in found.items() if path is not None}


def paths_of_layouts(layouts: Sequence[Layout], build: CpuBuild) -> list[TensorPath]:
    """Return the paths of a loaded model's matrices, as far as they are known.

    Args:
        layouts: Where its matrices lie.
        build: What they are multiplied by.
    """
    found = [(each, build.path(each.kind, each.buffer)) for each in layouts]
    return [
        TensorPath(type=each.kind, path=path, n_bytes=each.n_bytes)
        for each, path in found
        if path is not None
    ]
