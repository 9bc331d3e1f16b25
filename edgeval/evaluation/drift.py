"""Drift: the files of a ladder beside its reference, measured on the same items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeval.evaluation.early_stopping import sequential_accuracy, sequential_drift
from edgeval.evaluation.file_scorer import FileResult, evaluate_file
from edgeval.evaluation.kl_items import KeepTopLogprobs
from edgeval.evaluation.kl_sample import to_sketch
from edgeval.evaluation.setup import EvalSetup
from edgeval.records import Drift
from edgeval.stats.drift import drift
from edgeval.stats.paired import stopped
from edgeval.stats.sequential_drift import SequentialDrift
from edgeval.store.store import Store
from edgeval.system.progress import Progress


def measure_reference(
    path: Path, setup: EvalSetup, store: Store, progress: Progress, tag: str | None = None
) -> FileResult:
    """Return what the first file of a ladder says: of all items, or of as many as were asked for.

    It never stops early: its own verdict is exact, and the others need the fewer items the more is
    known of it.

    Args:
        path: The file.
        setup: What is evaluated and how.
        store: Where scores are kept.
        progress: Where to show progress.
        tag: What tells it from other files of its type.
    """
    sketched = to_sketch(setup)
    return evaluate_file(
        path,
        replace(setup, indices=setup.indices[: setup.limit]),
        store,
        wanted=KeepTopLogprobs(sketched.indices, sketched.drawn) if sketched.indices else None,
        progress=progress,
        tag=tag,
    )


def measure_alone(
    path: Path, setup: EvalSetup, store: Store, progress: Progress, tag: str | None = None
) -> FileResult:
    """Return what a file of a ladder says where there is no reference to compare it with.

    Args:
        path: The file.
        setup: What is evaluated and how.
        store: Where scores are kept.
        progress: Where to show progress.
        tag: What tells it from other files of its type.
    """
    return evaluate_file(
        path, setup, store, sequential=sequential_accuracy(setup), progress=progress, tag=tag
    )


def compare_with(
    reference: FileResult,
    path: Path,
    setup: EvalSetup,
    store: Store,
    progress: Progress,
    n_compared: int,
    tag: str | None = None,
) -> tuple[FileResult, Drift]:
    """Return what another file says of the same items, and how it differs.

    Args:
        reference: What the reference says.
        path: The file.
        setup: What is evaluated and how.
        store: Where scores are kept.
        progress: Where to show progress.
        n_compared: Number of files that are compared with the reference.
        tag: What tells it from other files of its type.
    """
    sequential = sequential_drift(setup, reference.scores, n_compared * setup.n_together)
    # What the reference has not seen cannot be compared.
    indices = [index for index in setup.indices if index in reference.scores]
    measured = evaluate_file(
        path,
        replace(setup, indices=indices),
        store,
        wanted=reference.top_logprobs,
        sequential=sequential,
        progress=progress,
        tag=tag,
    )
    return measured, _paired(reference, measured, setup, sequential)


def _paired(
    reference: FileResult,
    measured: FileResult,
    setup: EvalSetup,
    sequential: SequentialDrift | None,
) -> Drift:
    found = drift(
        measured.run.type,
        list(measured.scores.values()),
        reference.run.label,
        [reference.scores[index] for index in measured.scores],
        setup.protocol.metric,
        margin_points=setup.margin_points,
        has_imatrix=measured.run.imatrix is not None,
        label=measured.run.name,
        divergence=measured.divergence,
    )
    if sequential is None:
        return found
    return stopped(found, sequential.stopping(), *sequential.difference)
