"""Ladder: what its files say, each beside the reference if there is one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edgeval.evaluation import reference_checks
from edgeval.evaluation.drift import compare_with, measure_alone, measure_reference
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.file_scorer import FileResult
from edgeval.evaluation.setup import EvalSetup
from edgeval.evaluation.task_run import TaskRun
from edgeval.quantization.rungs import LadderFiles, LadderRung
from edgeval.records import Drift, Failure, ModelRun
from edgeval.scoring.observer import Observer, Part
from edgeval.store.store import Store
from edgeval.system.progress import Progress
from edgeval.tasks.item import ItemScore

_Result = TypeVar("_Result")
_File = tuple[LadderRung, Path]


@dataclass(frozen=True)
class LadderResult:
    """What a ladder's files say on one task.

    Attributes:
        runs: What was measured, the reference first unless it failed.
        drift: The others beside it.
        indices: The items of the reference or, if it failed, of the run that has the most.
        scores: What each file says, by its label, and that by the items' places in the data set.
        failures: What could not be made or scored.
    """

    runs: list[ModelRun]
    drift: list[Drift]
    indices: Collection[int]
    scores: Mapping[str, Mapping[int, ItemScore]]
    failures: list[Failure]

    @property
    def scored(self) -> list[tuple[ModelRun, Mapping[int, ItemScore]]]:
        """The runs with their scores."""
        return [(run, self.scores[run.label]) for run in self.runs]


def made_files(ladder: LadderFiles, failures: Failures, *, has_reference: bool) -> list[_File]:
    """Return the files of a ladder that can be made."""
    files = []
    for index, rung in enumerate(ladder.rungs):
        path = failures.attempt(
            functools.partial(ladder.make, rung),
            rung.name,
            ladder.file_name(rung),
            doing=f"quantizing to {rung.name}",
            has_imatrix=rung.has_imatrix,
            name=rung.tag,
            is_reference=has_reference and index == 0,
        )
        if path is not None:
            files.append((rung, path))
    return files


def measured(
    files: Sequence[_File],
    tasks: Sequence[TaskRun],
    store: Store,
    progress: Progress,
    making: Failures,
    observer: Observer,
) -> list[LadderResult]:
    """Return what files say on each task, each beside the reference if there is one.

    A file is loaded once: its items of all tasks are scored before those of the next.

    Args:
        files: The files, the reference first unless it is known or failed.
        tasks: The tasks.
        store: Where scores are kept.
        progress: Where to show progress.
        making: What failed when they were made.
        observer: Who is told of scores as batches land.
    """
    ladders = [
        _TaskLadder(task, len(files), store, progress, making.copy(), observer) for task in tasks
    ]
    observer.expect([ladder.part(file) for file in files for ladder in ladders])
    for file in files:
        for ladder in ladders:
            ladder.measure(file)
    return [ladder.result() for ladder in ladders]


class _TaskLadder:
    """One task's ladder while its files are scored, one after another."""

    def __init__(
        self,
        task: TaskRun,
        n_files: int,
        store: Store,
        progress: Progress,
        failures: Failures,
        observer: Observer,
    ) -> None:
        self._setup = task.setup
        self._store = store
        self._progress = progress
        self._failures = failures
        self._observer = observer
        self._reference: FileResult | None = None
        self._others: list[FileResult] = []
        self._drift: list[Drift] = []
        if task.known is not None:
            for note in reference_checks.notes(task.known, task.setup):
                progress.log(note)
            self._reference = task.known.measured(task.setup)
        self._awaits_reference = task.known is None and not self._has_failed()
        self._n_compared = n_files - self._awaits_reference

    def part(self, file: _File) -> Part:
        """Return what the observer is told of a file."""
        data, protocol = self._setup.data, self._setup.protocol
        return Part(file[0].label, data.task, protocol.metric, self._setup.limit)

    def measure(self, file: _File) -> None:
        """Score a file."""
        reference, until = self._reference, self._setup.options.until
        seen = self._observer.begin(
            self.part(file),
            None if reference is None else reference.scores,
            is_drawn=until is not None and not self._awaits_reference,
        )
        self._setup = replace(self._setup, observer=seen)
        found, found_drift = self._measured(file)
        seen.end(None if found is None else found.run, found_drift)

    def _measured(self, file: _File) -> tuple[FileResult | None, Drift | None]:
        """Keep what a file says, and return it; None of what failed, or of no comparison."""
        if self._awaits_reference:
            self._awaits_reference = False
            self._reference = self._attempt(
                file, functools.partial(measure_reference, file[1]), is_reference=True
            )
            return self._reference, None
        if self._reference is not None:
            compare = functools.partial(self._compared, self._reference, file[1])
            compared = self._attempt(file, compare)
            if compared is None:
                return None, None
            self._others.append(compared[0])
            self._drift.append(compared[1])
            return compared
        alone = self._attempt(file, functools.partial(measure_alone, file[1]))
        if alone is not None:
            self._others.append(alone)
        return alone, None

    def result(self) -> LadderResult:
        """Return what was measured.

        Raises:
            EngineError: If everything failed.
        """
        self._failures.require_any()
        first = [] if self._reference is None else [self._reference]
        found = [*first, *self._others]
        most = max((each.scores.keys() for each in found), key=len, default=())
        return LadderResult(
            [each.run for each in found],
            self._drift,
            most if self._reference is None else self._reference.scores.keys(),
            {each.run.label: each.scores for each in found},
            self._failures.found,
        )

    def _has_failed(self) -> bool:
        return any(each.is_reference for each in self._failures.found)

    def _attempt(
        self,
        file: _File,
        action: Callable[[EvalSetup, Store, Progress, str | None], _Result],
        is_reference: bool = False,
    ) -> _Result | None:
        rung, path = file
        return self._failures.attempt(
            functools.partial(action, self._setup, self._store, self._progress, rung.tag),
            rung.name,
            path.name,
            doing="scoring",
            has_imatrix=rung.has_imatrix,
            name=rung.tag,
            is_reference=is_reference,
        )

    def _compared(
        self,
        reference: FileResult,
        path: Path,
        setup: EvalSetup,
        store: Store,
        progress: Progress,
        tag: str | None,
    ) -> tuple[FileResult, Drift]:
        return compare_with(reference, path, setup, store, progress, self._n_compared, tag)
