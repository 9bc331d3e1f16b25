"""Self-check: a GPU's scores are held to the CPU's on a few items, before they are trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval import llama
from edgeval.engine import Engine, EngineJob, Scored, running
from edgeval.errors import EngineError, NoRoomError
from edgeval.evaluation import closeness
from edgeval.evaluation.jobs import ScoringJob
from edgeval.evaluation.kernels import settled
from edgeval.evaluation.setup import EvalSetup
from edgeval.evaluation.yardstick import Yardstick, checked_places
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.records import UNQUANTIZED, SelfCheck
from edgeval.stats.metrics import pick
from edgeval.store.store import Store
from edgeval.system.progress import NoProgress, Progress, Task
from edgeval.tasks.item import ItemScore
from edgeval.tasks.requests import Work


def checked(
    paths: Sequence[Path],
    setup: EvalSetup,
    store: Store,
    progress: Progress | None = None,
    reference: Yardstick | None = None,
) -> EvalSetup:
    """Return a setup that computes right: kernels are chosen, GPUs compute what the CPU does.

    Where no GPU was asked for, the CPU takes over if they do not, or if it is faster. A file whose
    kernels are wrong is refused when it is evaluated.

    Args:
        paths: The GGUFs.
        setup: What is evaluated and how.
        store: Where checks are kept: those that were passed are not made again.
        progress: Where to show progress.
        reference: The unquantized model that the others are compared with, which tells what
            quantization does; None where there is none.

    Raises:
        EngineError: If GPUs that were asked for cannot be used or compute something else.
        EdgevalError: If a model cannot be loaded, or does not fit in memory.
    """
    bars = progress or NoProgress()
    if not setup.devices:
        if setup.options.check:
            return settled(paths, setup, store, bars)
        return setup
    names = " and ".join(dict.fromkeys(device.description for device in setup.devices))
    where = f"{setup.backend} on {names}"
    if not setup.options.check:
        bars.log(f"computing with {where}, which is not checked")
        return setup
    options = setup.options
    is_chosen = options.backend.lower() != "auto" or options.devices or options.gpu_layers
    try:
        setup = settled(paths, setup, store, bars)
        # The first is the reference; all are computed in one place, so that they compare.
        checks = [
            _passed(
                path,
                setup,
                store,
                bars,
                where,
                is_timed=path == paths[0] and not is_chosen,
                reference=reference,
            )
            for path in paths
        ]
    except EngineError as error:
        if is_chosen:
            raise
        # What to do about it follows the first clause; here it is done.
        reason, _, _ = str(error).partition(";")
        bars.log(f"{reason}; computing on the CPU")
        return _on_cpu(paths, setup, store, bars)
    if checks[0].speedup < 1 and not is_chosen:
        bars.log(f"the CPU is faster than {where}; computing on the CPU")
        return _on_cpu(paths, setup, store, bars)
    bars.log(f"computing with {where}, which passed the self-check")
    return setup


def _on_cpu(paths: Sequence[Path], setup: EvalSetup, store: Store, progress: Progress) -> EvalSetup:
    return settled(paths, setup.on_cpu(), store, progress)


def _passed(
    path: Path,
    setup: EvalSetup,
    store: Store,
    progress: Progress,
    where: str,
    *,
    is_timed: bool,
    reference: Yardstick | None,
) -> SelfCheck:
    """Return the check of a model that has passed it.

    Raises:
        EngineError: If it has not.
    """
    found = self_check(path, setup, store, progress, is_timed=is_timed, reference=reference)
    if not found.has_passed:
        raise EngineError(
            f"{where} fails the self-check with {path.name}: {closeness.too_far(found)}; use "
            "--backend cpu, update the driver and llama-cpp-python, or take its scores as they are "
            "with --no-check"
        )
    return found


def self_check(
    path: Path,
    setup: EvalSetup,
    store: Store,
    progress: Progress | None = None,
    *,
    is_timed: bool = False,
    reference: Yardstick | None = None,
) -> SelfCheck:
    """Return how close the GPUs of a setup come to the CPU with a model, checked now or before.

    One that was not passed is made again. What is allowed is what this edgeval allows.

    Args:
        path: The model.
        setup: What is evaluated and how.
        store: Where checks are kept.
        progress: Where to show progress.
        is_timed: Whether its speed counts: then one with other threads is made again.
        reference: What tells what quantization does; then a check without that is made again.

    Raises:
        EdgevalError: If the model cannot be loaded, or does not fit in memory.
    """
    with running() as engine:
        gguf = engine.info(path, setup.options.pre)
        key = setup.of(gguf).score_key(sha256_of(*model_files(path)))
        known = None if setup.options.fresh else store.self_check(key)
        found = known and _held_now(known, gguf)
        is_timeless = is_timed and found is not None and found.threads != setup.threads
        # A driver that is updated may pass, and is not in the key.
        is_blind = found is not None and found.own_change is None and _is_told(gguf, reference)
        if found is None or not found.has_passed or is_timeless or is_blind:
            found = _compared(gguf, setup, progress or NoProgress(), reference)
        if found != known:
            store.add_self_check(key, found)
    return found


def _held_now(known: SelfCheck, gguf: llama.GgufInfo) -> SelfCheck:
    """Return a check that is held to what this edgeval allows."""
    return known.model_copy(update={"bar": closeness.bar(gguf.file_type, known.own_change)})


def _is_told(gguf: llama.GgufInfo, reference: Yardstick | None) -> bool:
    """Return whether a reference tells what quantization does to a model."""
    return reference is not None and gguf.file_type not in UNQUANTIZED


def _compared(
    gguf: llama.GgufInfo, setup: EvalSetup, progress: Progress, reference: Yardstick | None
) -> SelfCheck:
    indices = checked_places(setup)
    title = f"check {setup.backend} with {gguf.file_type}"
    # A GPU loads its kernels when they are first used: its second time counts.
    with progress.task(title, 3 * len(indices), "items") as task:
        theirs, cpu_s = _scores(gguf, setup.on_cpu(), indices, 1, task)
        ours, gpu_s = _scores(gguf, setup, indices, 2, task)
    if reference is not None and gguf.path == reference.path:
        reference.scores.update(zip(indices, theirs, strict=True))
    own_change = _own_change(theirs, gguf, setup, indices, reference, progress)
    changes = closeness.logprob_changes(ours, theirs)
    metric = setup.protocol.metric
    same = [pick(a, metric) == pick(b, metric) for a, b in zip(ours, theirs, strict=True)]
    shift = closeness.shift(ours, theirs, metric)
    return SelfCheck(
        n_items=len(indices),
        n_same_picks=sum(same),
        max_logprob_change=float(changes.max()),
        mean_logprob_change=float(changes.mean()),
        token_change=closeness.token_change(ours, theirs),
        own_change=own_change,
        bar=closeness.bar(gguf.file_type, own_change),
        shift_points=shift[0] if shift else None,
        shift_bar_points=shift[1] if shift else None,
        speedup=cpu_s / gpu_s,
        threads=setup.threads,
    )


def _own_change(
    scores: Sequence[ItemScore],
    gguf: llama.GgufInfo,
    setup: EvalSetup,
    indices: Sequence[int],
    reference: Yardstick | None,
    progress: Progress,
) -> float | None:
    """Return how far a model is from its reference on the CPU, in nats a token, if that is told."""
    if reference is None or not _is_told(gguf, reference):
        return None
    known = reference.of(indices)
    if known is None and reference.path is not None:
        with running() as engine:
            unquantized = engine.info(reference.path, setup.options.pre)
        with progress.task(f"check {unquantized.file_type}", len(indices), "items") as task:
            known, _ = _scores(unquantized, setup.on_cpu(), indices, 1, task)
        reference.scores.update(zip(indices, known, strict=True))
    return None if known is None else closeness.token_change(scores, known)


def _scores(
    gguf: llama.GgufInfo, setup: EvalSetup, indices: Sequence[int], times: int, task: Task
) -> tuple[list[ItemScore], float]:
    """Return the scores of some items, and the seconds of scoring them the last time."""
    title = f"checking {gguf.path.name} on {setup.backend}"
    job = ScoringJob(indices, set(indices)).for_engine(setup.of(gguf), title=title)
    found: dict[int, ItemScore] = {}
    work = Work()
    with running() as engine:
        for _ in range(times):
            work.take()
            for batch in _batches(engine, job):
                work.add(batch.work)
                found |= {index: result.score for index, result in batch.results.items()}
                task.advance(len(batch.results))
        engine.release()
    return [found[index] for index in range(len(indices))], work.elapsed_s


def _batches(engine: Engine, job: EngineJob) -> Iterator[Scored]:
    try:
        for answer in engine.score(job, job.title):
            if isinstance(answer, Scored):
                yield answer
    except NoRoomError as error:
        raise NoRoomError(f"{error}, or leave the check out with --no-check") from error
