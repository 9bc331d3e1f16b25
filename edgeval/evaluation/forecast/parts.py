"""Parts of a run: each file on each task, and what is left to be scored of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.engine import EngineJob, running
from edgeval.evaluation.jobs import ScoringJob
from edgeval.evaluation.setup import ModelSetup
from edgeval.evaluation.task_run import TaskRun
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files, read_header
from edgeval.quantization.rungs import LadderRung
from edgeval.store.store import Store


@dataclass(frozen=True)
class Part:
    """One file on one task.

    Attributes:
        rung: The file's place in the ladder.
        task: The task.
        model: How the file is computed.
        todo: Indices of the items that are scored, if nothing stops it early.
        n_stored: Items of them that the store has scores of already.
        is_reference: Whether the others are compared with it: then it is scored whole.
        is_alone: Whether there is nothing that it is compared with.
        n_compared: Number of intervals that hold together.
        bits: Bits a weight.
    """

    rung: LadderRung
    task: TaskRun
    model: ModelSetup
    todo: Sequence[int]
    n_stored: int
    is_reference: bool
    is_alone: bool
    n_compared: int
    bits: float

    @property
    def n_items(self) -> int:
        """Number of items that are scored, if nothing stops it early."""
        return len(self.todo)

    def job(self) -> EngineJob:
        """Return what the engine is asked to do for it."""
        indices = list(self.todo)
        return ScoringJob(indices, set(indices)).for_engine(self.model)


def parts_of(
    tasks: Sequence[TaskRun], files: Sequence[tuple[LadderRung, Path]], store: Store
) -> list[Part]:
    """Return the parts of a run in the order in which they are scored.

    Args:
        tasks: The tasks.
        files: The files, the reference first unless it is known.
        store: Where scores are kept.
    """
    found = []
    for at, (rung, path) in enumerate(files):
        sha256 = sha256_of(*model_files(path))
        n_weights = sum(tensor.size for tensor in read_header(path).tensors)
        for task in tasks:
            setup, is_reference = task.setup, at == 0 and task.known is None
            with running() as engine:
                model = setup.of(engine.info(path, setup.options.pre))
            known = set() if setup.options.fresh else store.scored(model.score_key(sha256))
            wanted = setup.indices[: setup.limit]
            n_compared = len(files) - (task.known is None)
            found.append(
                Part(
                    rung,
                    task,
                    model,
                    [index for index in wanted if index not in known],
                    sum(index in known for index in wanted),
                    is_reference,
                    False,
                    max(1, n_compared) * setup.n_together,
                    8 * model.gguf.file_bytes / max(1, n_weights),
                )
            )
    return found
