"""Ladder: what its files say, each beside the reference if there is one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgeval.evaluation import reference_checks
from edgeval.evaluation.drift import compare_with, measure_alone, measure_reference
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.file_scorer import FileResult
from edgeval.evaluation.reference import Reference
from edgeval.evaluation.setup import EvalSetup
from edgeval.quantization.rungs import LadderFiles, LadderRung
from edgeval.records import Drift, ModelRun
from edgeval.store.store import Store
from edgeval.system.progress import Progress
from edgeval.tasks.item import ItemScore

_Result = TypeVar("_Result")
_File = tuple[LadderRung, Path]


@dataclass(frozen=True)
class LadderResult:
    """What a ladder's files say.

    Attributes:
        runs: What was measured, the reference first unless it failed.
        drift: The others beside it.
        indices: The items of the reference or, if it failed, of the run that has the most.
        scores: What each file says, by its label, and that by the items' places in the data set.
    """

    runs: list[ModelRun]
    drift: list[Drift]
    indices: Collection[int]
    scores: Mapping[str, Mapping[int, ItemScore]]

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
    setup: EvalSetup,
    store: Store,
    progress: Progress,
    known: Reference | None,
    failures: Failures,
) -> LadderResult:
    """Return what files say, each beside the reference if there is one."""

    def attempt(
        file: _File, action: Callable[[Path, str | None], _Result], is_reference: bool = False
    ) -> _Result | None:
        rung, path = file
        return failures.attempt(
            functools.partial(action, path, rung.tag),
            rung.name,
            path.name,
            doing="scoring",
            has_imatrix=rung.has_imatrix,
            name=rung.tag,
            is_reference=is_reference,
        )

    others = list(files)
    reference: FileResult | None = None
    if known is not None:
        for note in reference_checks.notes(known, setup):
            progress.log(note)
        reference = known.measured(setup)
    elif not any(each.is_reference for each in failures.found):
        reference = attempt(
            others.pop(0),
            lambda path, tag: measure_reference(path, setup, store, progress, tag),
            is_reference=True,
        )
    if reference is None:
        alone = [
            attempt(file, lambda path, tag: measure_alone(path, setup, store, progress, tag))
            for file in others
        ]
        found = [each for each in alone if each is not None]
        most = max((each.scores.keys() for each in found), key=len, default=())
        return LadderResult([each.run for each in found], [], most, _by_label(found))
    compared = [
        attempt(
            file,
            lambda path, tag: compare_with(
                reference, path, setup, store, progress, len(others), tag
            ),
        )
        for file in others
    ]
    pairs = [each for each in compared if each is not None]
    return LadderResult(
        [reference.run, *(each.run for each, _ in pairs)],
        [drift for _, drift in pairs],
        reference.scores.keys(),
        _by_label([reference, *(each for each, _ in pairs)]),
    )


def _by_label(found: Sequence[FileResult]) -> dict[str, Mapping[int, ItemScore]]:
    return {each.run.label: each.scores for each in found}
