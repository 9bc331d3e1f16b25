"""Standard of a pick: the reference, had and measured once a file is to be compared with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgeval.checkpoints.ready_files import ReadyFile
from edgeval.errors import NoRoomError
from edgeval.evaluation import reference_checks
from edgeval.evaluation.against import made
from edgeval.evaluation.drift import measure_reference
from edgeval.evaluation.file_scorer import FileResult
from edgeval.evaluation.pick.downloads import Downloads
from edgeval.evaluation.pick.plan import Plan
from edgeval.evaluation.reference import Reference
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import EvalSetup
from edgeval.evaluation.yardstick import Yardstick, yardstick
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.llama.memory import megabytes
from edgeval.quantization.ready import ReadyLadder
from edgeval.store.store import Store
from edgeval.system.free_memory import available
from edgeval.system.progress import NoProgress, Progress


@dataclass(frozen=True)
class Standard:
    """The reference, measured.

    Attributes:
        result: What it says of the items.
        file: The GGUF; None where its scores are from a reference file.
        setup: How others are computed, so that they compare with it.
        yardstick: What a GPU's self-checks of others are held to.
    """

    result: FileResult
    file: ReadyFile | None
    setup: EvalSetup
    yardstick: Yardstick | None


def measured_standard(
    plan: Plan, setup: EvalSetup, store: Store, downloads: Downloads, progress: Progress
) -> Standard:
    """Return the reference, measured: downloaded, converted or taken from a reference file.

    Args:
        plan: What it is.
        setup: What is evaluated and how.
        store: Where scores are kept.
        downloads: Where files are had.
        progress: Where to show progress.

    Raises:
        EdgevalError: If it cannot be had or evaluated.
    """
    if plan.known is not None:
        return _of_known(plan.known, setup, progress)
    file = _file(plan, setup, downloads, progress)
    sha256_of(*model_files(file.path), progress=progress)
    (rung,) = ReadyLadder([file], pre=setup.options.pre, progress=NoProgress()).rungs
    held_to = yardstick([(rung.name, file.path)], None, setup)
    setup = checked([file.path], setup, store, progress, held_to)
    tag = None if plan.reference is None else plan.reference.tag(rung.name)
    result = measure_reference(file.path, setup, store, progress, tag)
    if setup.devices:
        # The others are computed there, too, or not at all.
        setup = replace(setup, options=replace(setup.options, backend=setup.backend))
    return Standard(result, file, setup, held_to)


def _of_known(known: Reference, setup: EvalSetup, progress: Progress) -> Standard:
    for note in reference_checks.notes(known, setup):
        progress.log(note)
    return Standard(known.measured(setup), None, setup, yardstick([], known, setup))


def _file(plan: Plan, setup: EvalSetup, downloads: Downloads, progress: Progress) -> ReadyFile:
    if plan.reference is not None:
        return ReadyFile(downloads.fetch(plan.reference), plan.reference.name)
    assert plan.model is not None
    offline, threads = setup.options.offline, setup.threads
    found = made(plan.model, (), threads=threads, offline=offline, progress=progress)
    assert found is not None
    return found


def require_room(plan: Plan, setup: EvalSetup) -> None:
    """Refuse a reference that does not fit, before anything is downloaded.

    Args:
        plan: What it is.
        setup: How it is computed.

    Raises:
        NoRoomError: If its weights alone do not fit in the memory that is free.
    """
    reference, free = plan.reference, available()
    if reference is None or plan.known is not None or setup.devices or setup.options.force:
        return
    if reference.size_bytes > free.n_bytes:
        raise NoRoomError(
            f"the reference {reference.label} takes {megabytes(reference.size_bytes)}, and "
            f"{megabytes(free.n_bytes)} {free.words}; name a smaller one with --reference, or a "
            "file of edgeval reference export from a larger machine, or try it with --force"
        )
