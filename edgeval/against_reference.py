"""The files of a ladder beside its reference: measured on the same items, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeval.drift import drift
from edgeval.measure import MakeSketches, Measured, evaluate_file
from edgeval.paired import difference_estimate, stopped
from edgeval.progress import Progress
from edgeval.pursuit import DriftPursuit, accuracy_pursuit, drift_pursuit
from edgeval.records import Claim, Drift
from edgeval.setup import Setup
from edgeval.sketched import to_sketch
from edgeval.store import Store


def measure_reference(
    path: Path, setup: Setup, store: Store, progress: Progress, claims: Sequence[Claim]
) -> Measured:
    """Return what the first file of a ladder says: all items, or until its verdict is decided.

    Args:
        path: The file.
        setup: What is evaluated and how.
        store: Where scores are kept.
        progress: Where to show progress.
        claims: Published numbers of the model.
    """
    sketched = to_sketch(setup)
    return evaluate_file(
        path,
        setup,
        store,
        wanted=MakeSketches(sketched.places, sketched.drawn) if sketched.places else None,
        pursuit=accuracy_pursuit(setup, _region(setup, claims)),
        progress=progress,
    )


def measure_alone(path: Path, setup: Setup, store: Store, progress: Progress) -> Measured:
    """Return what a file of a ladder says where there is no reference to compare it with.

    Args:
        path: The file.
        setup: What is evaluated and how.
        store: Where scores are kept.
        progress: Where to show progress.
    """
    return evaluate_file(path, setup, store, pursuit=accuracy_pursuit(setup), progress=progress)


def compare_with(
    reference: Measured, path: Path, setup: Setup, store: Store, progress: Progress
) -> tuple[Measured, Drift]:
    """Return what another file says of the same items, and how it differs.

    Args:
        reference: What the reference says.
        path: The file.
        setup: What is evaluated and how.
        store: Where scores are kept.
        progress: Where to show progress.
    """
    # In the order of the setup, which is random, whatever their order there.
    sketched = reference.sketches.of_place if reference.sketches else {}
    first = [place for place in setup.places if place in sketched]
    pursuit = drift_pursuit(setup, reference.scores, first)
    # What the reference has not seen cannot be compared.
    places = [place for place in setup.places if place in reference.scores]
    measured = evaluate_file(
        path,
        replace(setup, places=places),
        store,
        wanted=reference.sketches,
        pursuit=pursuit,
        progress=progress,
    )
    return measured, _drift(reference, measured, setup, pursuit)


def _drift(
    reference: Measured, measured: Measured, setup: Setup, pursuit: DriftPursuit | None
) -> Drift:
    population = setup.data.n_total
    found = drift(
        measured.run.type,
        list(measured.scores.values()),
        reference.run.label,
        [reference.scores[place] for place in measured.scores],
        setup.protocol.metric,
        population=population,
        has_imatrix=measured.run.imatrix is not None,
        divergence=measured.divergence,
    )
    if pursuit is not None:
        found = stopped(found, pursuit.stopping(), *pursuit.difference, population)
    is_random = setup.data.order != "file"
    if is_random and len(measured.scores) < len(reference.scores) == population:
        known = reference.run.metrics[setup.protocol.metric].value
        estimate = difference_estimate(known, found.difference_points, found.split.interval_points)
        found = found.model_copy(update={"split_accuracy": estimate})
    return found


def _region(setup: Setup, claims: Sequence[Claim]) -> tuple[float, float] | None:
    """Return the range that decides the verdict on the claim, if the metric is the claim's."""
    for claim in claims:
        if claim.metric == setup.protocol.metric:
            tolerance = claim.tolerance_points
            return (claim.value - tolerance) / 100, (claim.value + tolerance) / 100
    return None
