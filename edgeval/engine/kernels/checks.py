"""Checks of tensor types: both paths of llama.cpp's kernels, before they are trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from edgeval.engine import Engine
from edgeval.engine.kernels import remembered
from edgeval.engine.kernels.bars import is_expandable
from edgeval.engine.kernels.isolation import CAN_COPY
from edgeval.engine.kernels.outcomes import outcome_of_death, unchecked
from edgeval.engine.messages import KernelPair, KernelsReady
from edgeval.errors import EngineDiedError
from edgeval.llama import machine
from edgeval.records import KernelTrial
from edgeval.records.kernels import Kernels
from edgeval.system.progress import NoProgress, Progress
from edgeval.system.temporary import temporary_folder

_NOT_EXPANDABLE = "the installed gguf package does not say what it means"

# Small matrices: threads would wait for one another. And a copy of a process that has opened a GPU
# may not use it.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "GGML_DISABLE_VULKAN": "1",
}

PATHS: tuple[Kernels, ...] = ("default", "plain")

USUAL = ("F32", "F16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0", "Q3_K", "Q2_K")
"""The types of the default ladder's files: what tries one of them tries all, which costs less than
a process for each."""


def check_types(
    types: Iterable[str],
    engine: Engine,
    threads: int | None = None,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
) -> list[KernelTrial]:
    """Return what came of trying tensor types with both paths of llama.cpp's kernels.

    What was tried with this llama.cpp on this CPU is remembered, and not tried again.

    Args:
        types: Names of ``gguf_types.TensorType``.
        engine: What asks llama.cpp; a process beside its own is used.
        threads: CPU threads; one for each core by default.
        fresh: Whether all are tried again.
        progress: Where is said that something is tried.

    Returns:
        For each type in the order given, ``default`` and then ``plain``.

    Raises:
        EngineError: If llama.cpp cannot be loaded, or its process is ended by somebody else.
    """
    wanted = list(dict.fromkeys(types))
    known = {} if fresh else remembered.trials()
    missing = _missing(wanted, known)
    if missing:
        (progress or NoProgress()).log("checking llama.cpp's kernels on this CPU, once")
        also = _missing(USUAL, known)
        tried = dict.fromkeys([*missing, *also])
        new = list(_tried(list(tried), engine, threads or machine.physical_cores()))
        # What could not be tried may be another time, where there is more memory.
        remembered.remember_trials(trial for trial in new if trial.status != "unchecked")
        known |= {(trial.type, trial.kernels): trial for trial in new}
    return [
        known.get((kind, path)) or unchecked(KernelPair(kind, path), _NOT_EXPANDABLE)
        for kind in wanted
        for path in PATHS
    ]


def _missing(types: Iterable[str], known: Mapping[tuple[str, str], KernelTrial]) -> list[str]:
    """Return the types that are to be tried, of those that can be."""
    return [
        kind
        for kind in types
        if any((kind, path) not in known for path in PATHS) and is_expandable(kind)
    ]


def _tried(types: Sequence[str], engine: Engine, threads: int) -> Iterator[KernelTrial]:
    """Yield a trial for each type and path; after a death the rest is tried in a new process."""
    left = [KernelPair(kind, path) for path in PATHS for kind in types]
    with (
        temporary_folder("kernels") as folder,
        engine.beside(_ENVIRONMENT) as other,
    ):
        while left:
            buffer = None
            try:
                for answer in other.try_kernels(left, folder, threads, CAN_COPY):
                    buffer = answer.buffer
                    if isinstance(answer, KernelsReady):
                        continue
                    yield answer
                    left.pop(0)
                    buffer = None
            except EngineDiedError as error:
                yield outcome_of_death(left.pop(0), error, buffer)
