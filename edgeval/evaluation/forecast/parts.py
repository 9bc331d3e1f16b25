"""Parts of a run: each file on each task, and what is left to be scored of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.engine import EngineJob, running
from edgeval.evaluation.jobs import ScoringJob
from edgeval.evaluation.kl_sample import to_sketch
from edgeval.evaluation.setup import EvalSetup, ModelSetup
from edgeval.evaluation.task_run import TaskRun
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files, read_header
from edgeval.quantization.rungs import LadderRung
from edgeval.store.store import Store


@dataclass(frozen=True, eq=False)
class Part:
    """One file on one task; each is a key of its own.

    Attributes:
        label: What reports call the file.
        model: How it is computed, and what is evaluated.
        todo: Indices of the items that are scored, if nothing stops it early.
        n_stored: Items besides that the store has scores of.
        n_weights: Number of weights.
        is_reference: Whether others are compared with it: then it is scored whole.
        n_compared: Number of intervals that hold together; 0 where it is compared with nothing.
    """

    label: str
    model: ModelSetup
    todo: Sequence[int]
    n_stored: int
    n_weights: int
    is_reference: bool
    n_compared: int

    @property
    def setup(self) -> EvalSetup:
        """What is evaluated, and how."""
        return self.model.evaluation

    @property
    def bits(self) -> float:
        """Bits a weight."""
        return 8 * self.model.gguf.file_bytes / max(1, self.n_weights)

    @property
    def n_items(self) -> int:
        """Number of items that are scored, if nothing stops it early."""
        return len(self.todo)

    def job(self) -> EngineJob:
        """Return what the engine is asked to do for it."""
        indices = list(self.todo)
        closer = None if not self.n_compared and not self.is_reference else self._sketched()
        return ScoringJob(indices, set(indices)).for_engine(self.model, closer)

    def _sketched(self) -> dict[int, None]:
        """Return the items whose distributions are looked at closer."""
        return dict.fromkeys(set(to_sketch(self.setup).indices).intersection(self.todo))


def parts_of_run(
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
        contents = _Contents.of(path)
        for task in tasks:
            n_compared = max(1, len(files) - (task.known is None)) * task.setup.n_together
            is_reference = at == 0 and task.known is None
            found.append(_part(contents, task.setup, store, rung.label, is_reference, n_compared))
    return found


def parts_of_files(paths: Sequence[Path], setup: EvalSetup, store: Store) -> list[Part]:
    """Return the parts of an evaluation that compares its files with nothing.

    Args:
        paths: The files.
        setup: What is evaluated and how.
        store: Where scores are kept.
    """
    return [_part(_Contents.of(path), setup, store) for path in paths]


@dataclass(frozen=True)
class _Contents:
    """What a file is, whatever it is asked."""

    path: Path
    sha256: str
    n_weights: int

    @classmethod
    def of(cls, path: Path) -> _Contents:
        n_weights = sum(tensor.size for tensor in read_header(path).tensors)
        return cls(path, sha256_of(*model_files(path)), n_weights)


def _part(
    contents: _Contents,
    setup: EvalSetup,
    store: Store,
    label: str | None = None,
    is_reference: bool = False,
    n_compared: int = 0,
) -> Part:
    with running() as engine:
        model = setup.of(engine.info(contents.path, setup.options.pre))
    key = model.score_key(contents.sha256)
    known = set() if setup.options.fresh else store.scored(key)
    wanted = setup.indices[: setup.limit]
    todo = [index for index in wanted if index not in known]
    return Part(
        label=label or model.gguf.file_type,
        model=model,
        todo=todo,
        n_stored=len(wanted) - len(todo),
        n_weights=contents.n_weights,
        is_reference=is_reference,
        n_compared=n_compared,
    )
