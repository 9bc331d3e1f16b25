"""A GPU's scores are held to the CPU's on a few items, before they are trusted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edgeval import builds, llama, sampling
from edgeval.contents import sha256_of
from edgeval.drafts import Draft
from edgeval.engine import Engine, Scored, ScoringJob, running
from edgeval.errors import EngineDiedError, EngineError, KernelError, NoRoomError, listed
from edgeval.gguf_header import model_files
from edgeval.metrics import pick
from edgeval.plan import Work
from edgeval.progress import NoProgress, Progress, Task
from edgeval.records import KernelChoice, SelfCheck
from edgeval.setup import Setup
from edgeval.store import Store
from edgeval.tasks import ItemScore

N_ITEMS = 24

_BARS = {
    "F32": 0.005,
    **dict.fromkeys(("F16", "BF16"), 0.015),
    **dict.fromkeys(("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"), 0.08),
}
_OTHER_BAR = 0.25
"""Nats a token, on average over the choices: about three times the most that a sound GPU was seen
to differ by, on texts that a model finds very improbable (BENCHMARKS.md). A broken one is off by
whole nats. Types of blocks of 256 weights differ more: there the CPU rounds the activations of so
many together, and a GPU those of fewer.
"""


def trusted(
    paths: Sequence[Path], setup: Setup, store: Store, progress: Progress | None = None
) -> Setup:
    """Return a setup that computes right: kernels are chosen, GPUs compute what the CPU does.

    Where no GPU was asked for, the CPU takes over if they do not, or if it is faster. A file whose
    kernels are wrong is refused when it is evaluated.

    Args:
        paths: The GGUFs.
        setup: What is evaluated and how.
        store: Where checks are kept: those that were passed are not made again.
        progress: Where to show progress.

    Raises:
        EngineError: If GPUs that were asked for cannot be used or compute something else.
        EdgevalError: If a model cannot be loaded, or does not fit in memory.
    """
    bars = progress or NoProgress()
    if not setup.devices:
        if setup.options.check:
            settle_kernels(paths, setup, store, bars)
        return setup
    names = " and ".join(dict.fromkeys(device.description for device in setup.devices))
    where = f"{setup.backend} on {names}"
    if not setup.options.check:
        bars.log(f"computing with {where}, which is not checked")
        return setup
    options = setup.options
    is_chosen = options.backend.lower() != "auto" or options.devices or options.gpu_layers
    try:
        settle_kernels(paths, setup, store, bars)
        # The first is the reference; all are computed in one place, so that they compare.
        checks = [
            _passed(path, setup, store, bars, where, is_timed=path == paths[0] and not is_chosen)
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


def _on_cpu(paths: Sequence[Path], setup: Setup, store: Store, progress: Progress) -> Setup:
    alone = setup.on_cpu()
    settle_kernels(paths, alone, store, progress)
    return alone


def settle_kernels(paths: Sequence[Path], setup: Setup, store: Store, progress: Progress) -> None:
    """Choose the kernels that models are computed with on the CPU, and say why once.

    Scores of other kernels are others. So a model goes on with those that it was begun with, where
    both are sound.

    Args:
        paths: The GGUFs.
        setup: What is evaluated and how.
        store: What was begun.
        progress: Where it is said.
    """
    chosen: list[tuple[str, KernelChoice]] = []
    with running() as engine:
        for path in paths:
            with contextlib.suppress(EngineDiedError, KernelError):
                gguf = engine.info(path, setup.options.pre)
                choice = _begun_with(store, setup, gguf, setup.kernels(gguf))
                setup.use_kernels(gguf, choice)
                chosen.append((gguf.file_type, choice))
    for sentence in kernel_sentences(chosen):
        progress.log(sentence)


def kernel_sentences(chosen: Sequence[tuple[str, KernelChoice]]) -> Iterator[str]:
    """Yield which types are not computed with llama.cpp's own choice of kernels, and why.

    Args:
        chosen: File types, and the kernels that are chosen for them.
    """
    others = [(name, each) for name, each in chosen if each.reason is not None]
    faster = [(name, each) for name, each in others if each.speedup is not None]
    faulty = [(name, each) for name, each in others if each.speedup is None]
    if faulty:
        names = listed(list(dict.fromkeys(name for name, _ in faulty)))
        _, first = faulty[0]
        died = "illegal instruction" in str(first.reason)
        remedy = f"; {builds.remedy_for_illegal_instruction()}" if died else ""
        yield (
            f"llama.cpp's {first.kernels} kernels compute {names}, because {first.reason}{remedy}"
        )
    if faster:
        gains = listed([f"{name} {each.speedup:.2f} times" for name, each in faster])
        threads = sorted({each.threads for _, each in faster if each.threads is not None})
        plural = "" if threads == [1] else "s"
        timed = f", timed with {listed(list(map(str, threads)))} thread{plural}" if threads else ""
        yield f"llama.cpp's plain kernels compute {gains} as fast as its default ones here{timed}"


def _begun_with(
    store: Store, setup: Setup, gguf: llama.GgufInfo, choice: KernelChoice
) -> KernelChoice:
    """Return the kernels that a model's scores in the store are of, if both are sound."""
    is_free = setup.options.kernels == "auto" and choice.speedup is not None
    if not is_free or setup.options.fresh:
        return choice
    other: llama.Kernels = "plain" if choice.kernels == "default" else "default"
    sha256 = sha256_of(*model_files(gguf.path))
    if store.holds(setup.setting(sha256, gguf, choice.kernels)):
        return choice
    if not store.holds(setup.setting(sha256, gguf, other)):
        return choice
    return KernelChoice(kernels=other, reason=None if other == "default" else "as it was begun")


def _passed(
    path: Path, setup: Setup, store: Store, progress: Progress, where: str, *, is_timed: bool
) -> SelfCheck:
    """Return the check of a model that has passed it.

    Raises:
        EngineError: If it has not.
    """
    found = self_check(path, setup, store, progress, is_timed=is_timed)
    if not found.has_passed:
        raise EngineError(
            f"{where} fails the self-check with {path.name}: log-probabilities are "
            f"{found.token_change:.2g} nats a token from the CPU's on average, where "
            f"{found.bar:.2g} are allowed; use --backend cpu, update the driver and "
            "llama-cpp-python, or take its scores as they are with --no-check"
        )
    return found


def self_check(
    path: Path,
    setup: Setup,
    store: Store,
    progress: Progress | None = None,
    *,
    is_timed: bool = False,
) -> SelfCheck:
    """Return how close the GPUs of a setup come to the CPU with a model, checked now or before.

    One that was not passed is made again. What is allowed is what this edgeval allows.

    Args:
        path: The model.
        setup: What is evaluated and how.
        store: Where checks are kept.
        progress: Where to show progress.
        is_timed: Whether its speed counts: then one with other threads is made again.

    Raises:
        EdgevalError: If the model cannot be loaded, or does not fit in memory.
    """
    with running() as engine:
        gguf = engine.info(path, setup.options.pre)
        setting = setup.setting(sha256_of(*model_files(path)), gguf)
        known = None if setup.options.fresh else store.self_check(setting)
        bar = _BARS.get(gguf.file_type, _OTHER_BAR)
        found = known and known.model_copy(update={"bar": bar})
        is_timeless = is_timed and found is not None and found.threads != setup.threads
        # A driver that is updated may pass, and is not in the key.
        if found is None or not found.has_passed or is_timeless:
            found = _compared(gguf, setup, progress or NoProgress())
        if found != known:
            store.add_self_check(setting, found)
    return found


def _compared(gguf: llama.GgufInfo, setup: Setup, progress: Progress) -> SelfCheck:
    places = sampling.simple_order(setup.data.n_total, 0)[:N_ITEMS]
    title = f"check {setup.backend} with {gguf.file_type}"
    # A GPU loads its kernels when they are first used: its second time counts.
    with progress.task(title, 3 * len(places), "items") as task:
        theirs, cpu_s = _scores(gguf, setup.on_cpu(), places, 1, task)
        ours, gpu_s = _scores(gguf, setup, places, 2, task)
    pairs = list(zip(ours, theirs, strict=True))
    changes = np.abs(np.concatenate([np.subtract(a.logprobs, b.logprobs) for a, b in pairs]))
    n_tokens = np.concatenate([score.n_tokens for score in theirs])
    metric = setup.protocol.metric
    same = [pick(a, metric) == pick(b, metric) for a, b in pairs]
    return SelfCheck(
        n_items=len(places),
        n_same_picks=sum(same),
        max_logprob_change=float(changes.max()),
        mean_logprob_change=float(changes.mean()),
        token_change=float((changes / n_tokens).mean()),
        bar=_BARS.get(gguf.file_type, _OTHER_BAR),
        speedup=cpu_s / gpu_s,
        threads=setup.threads,
    )


def _scores(
    gguf: llama.GgufInfo, setup: Setup, places: Sequence[int], times: int, task: Task
) -> tuple[list[ItemScore], float]:
    """Return the scores of some items, and the seconds of scoring them the last time."""
    title = f"checking {gguf.path.name} on {setup.backend}"
    job = Draft(places, set(places)).job(setup, gguf, title=title)
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
    return [found[index] for index in range(len(places))], work.elapsed_s


def _batches(engine: Engine, job: ScoringJob) -> Iterator[Scored]:
    try:
        for answer in engine.score(job, job.title):
            if isinstance(answer, Scored):
                yield answer
    except NoRoomError as error:
        raise NoRoomError(f"{error}, or leave the check out with --no-check") from error
