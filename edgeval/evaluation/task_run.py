"""Tasks of a run: what is evaluated on each, what it is compared with, and what it is judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeval.checkpoints.claims import Claimed
from edgeval.evaluation import reference_checks
from edgeval.evaluation.defaults import with_protocol
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import Reference
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.evaluation.yardstick import yardstick
from edgeval.quantization.rungs import LadderRung
from edgeval.records import Claim, ModelSource
from edgeval.records.suite import N_POOLED
from edgeval.store.store import Store
from edgeval.system.progress import Progress


@dataclass(frozen=True)
class TaskRun:
    """One task of a run.

    Attributes:
        setup: What is evaluated and how.
        claims: The published numbers on it.
        other_claims: Those on other tasks.
        known: The reference file that others are compared with, if it is one.
    """

    setup: EvalSetup
    claims: list[Claim]
    other_claims: list[Claim]
    known: Reference | None


def prepared(
    each: Sequence[Options], published: Claimed, references: Sequence[Reference]
) -> list[TaskRun]:
    """Return the tasks of a run, with their items loaded.

    Args:
        each: The options of each task.
        published: What is published of the model.
        references: The reference files: none, or one a task.

    Raises:
        EdgevalError: If an option or the data cannot be used, or a reference is of something else.
    """
    runs = list(_prepared(each, published, references))
    n_together = len(runs) + N_POOLED if len(runs) > 1 else 1
    return [
        replace(
            run,
            setup=replace(run.setup, n_together=n_together, keeps_model=at < len(runs) - 1),
        )
        for at, run in enumerate(runs)
    ]


def _prepared(
    each: Sequence[Options], published: Claimed, references: Sequence[Reference]
) -> Iterator[TaskRun]:
    of_others = [claim for options in each for claim in published.on(options.task_name)[0]]
    for options in each:
        known = reference_checks.of_task(references, options.task_name)
        own, _ = published.on(options.task_name)
        # What no number is published of is scored like what has one: one report, one protocol.
        setup = prepare(with_protocol(options, [*own, *of_others], known))
        if known is not None:
            reference_checks.require_items(known, setup)
        claims, other_claims = published.on(options.task_name, setup.data)
        yield TaskRun(setup, claims, other_claims, known)


def of_checkpoint(runs: Sequence[TaskRun], checkpoint: ModelSource | None) -> list[TaskRun]:
    """Return the tasks with what the models are made of, if that is known.

    Raises:
        EdgevalError: If a reference is of another checkpoint.
    """
    for run in runs:
        if run.known is not None:
            reference_checks.require_checkpoint(run.known, checkpoint)
    return [replace(run, setup=replace(run.setup, checkpoint=checkpoint)) for run in runs]


def checked_once(
    runs: Sequence[TaskRun],
    files: Sequence[tuple[LadderRung, Path]],
    store: Store,
    progress: Progress,
) -> list[TaskRun]:
    """Return the tasks with setups that compute right; where is settled by the first task's items.

    Args:
        runs: The tasks.
        files: The files that are scored; none where all failed.
        store: Where checks are kept.
        progress: Where to show progress.

    Raises:
        EdgevalError: As ``checked`` does.
    """
    if not files:
        return list(runs)
    setup, known = runs[0].setup, runs[0].known
    held_to = yardstick([(rung.name, path) for rung, path in files], known, setup)
    settled = checked([path for _, path in files], setup, store, progress, held_to)
    return [
        replace(run, setup=replace(run.setup, devices=settled.devices, models=settled.models))
        for run in runs
    ]
