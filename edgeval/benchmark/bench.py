"""Bench: each GGUF is loaded, timed and scored with, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgeval import __version__
from edgeval.benchmark import shapes
from edgeval.benchmark.options import BenchOptions
from edgeval.benchmark.page_cache import forget
from edgeval.checkpoints import cards
from edgeval.checkpoints.locate import fetch_model, locate
from edgeval.engine import (
    Begun,
    Engine,
    LoadTimes,
    ModelJob,
    RequestsJob,
    SpeedJob,
    Summed,
    running,
)
from edgeval.evaluation.kernels import kernel_sentences
from edgeval.evaluation.options import DEFAULT_LADDER, Options
from edgeval.evaluation.setup import EvalSetup, ModelSetup, prepare
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.llama import machine, memory
from edgeval.llama.speed import BATCH_TOKENS
from edgeval.quantization.ladder import ladder_files
from edgeval.records.bench import (
    Bench,
    BenchedFile,
    Loading,
    MemoryParts,
    Scoring,
    Timing,
)
from edgeval.scoring.plan import plan
from edgeval.scoring.score import settings_for
from edgeval.scoring.timing import Meter, n_cpus
from edgeval.system.engine_version import binding_version
from edgeval.system.progress import Progress, ProgressOption, progress_of


@running()
def bench(
    models: str | Path | Sequence[str | Path] = "demo",
    options: BenchOptions | None = None,
    *,
    command: str = "",
    progress: ProgressOption = "auto",
) -> Bench:
    """Time how fast this machine computes models.

    Args:
        models: Card names, hub repositories, checkpoint directories, GGUFs or folders of them.
        options: What is timed; by default what llama-bench times, and scoring.
        command: The command line, for the record.
        progress: Where to show progress; None for nowhere.

    Returns:
        What was measured.

    Raises:
        EdgevalError: If there is no such model, it cannot be computed, or does not fit in memory.
    """
    options, shown = options or BenchOptions(), progress_of(progress)
    created_at, names = datetime.now(timezone.utc), _listed(models)
    demo = cards.cards_folder() / str(cards.cards()["demo"].data)
    setup = prepare(
        Options(
            data=demo,
            limit=1,
            backend=options.backend,
            devices=options.devices,
            gpu_layers=options.gpu_layers,
            kernels=options.kernels,
            force=options.force,
            offline=options.offline,
            threads=max(options.thread_counts),
        )
    )
    paths = [path for name in names for path in _files(name, options, setup, shown)]
    meter = Meter()
    files = [_benched(path, options, setup, shown) for path in paths]
    engine = setup.engine()
    return Bench(
        edgeval_version=__version__,
        created_at=created_at,
        command=command,
        binding_version=binding_version(),
        features=engine.features,
        device=machine.describe(),
        n_cpus=n_cpus(),
        cpu_load=meter.cpu_load(),
        files=files,
    )


def _listed(models: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(models)] if isinstance(models, str | Path) else [str(each) for each in models]


def _files(
    name: str, options: BenchOptions, setup: EvalSetup, progress: Progress
) -> Iterator[Path]:
    """Yield the GGUFs that a name stands for, made of a checkpoint if they have to be."""
    source = fetch_model(locate(name), offline=options.offline, progress=progress)
    if source.ggufs:
        yield from (model_files(each.path)[0] for each in source.ggufs)
        return
    types = options.types or DEFAULT_LADDER
    with running() as engine:
        wanted = [engine.writable_type(each) for each in types]
    yield from ladder_files(source, wanted, threads=setup.threads, progress=progress)


def _benched(
    path: Path, options: BenchOptions, setup: EvalSetup, progress: Progress
) -> BenchedFile:
    """Return what one file gives, in a process that holds nothing else."""
    parts = model_files(path)
    sha256 = sha256_of(*parts, progress=progress)
    with running() as engine:
        how = setup.of(engine.info(path))
        engine.release()
        for sentence in kernel_sentences([(how.gguf.file_type, how.kernels)]):
            progress.log(sentence)
        with engine.beside({}) as alone:
            return _Benched(path, how, options, alone, progress).file(sha256, parts)


class _Benched:
    """One file under test, and the process that computes it."""

    def __init__(
        self,
        path: Path,
        how: ModelSetup,
        options: BenchOptions,
        engine: Engine,
        progress: Progress,
    ) -> None:
        self._path, self._how, self._options = path, how, options
        self._engine, self._progress = engine, progress

    def file(self, sha256: str, parts: Sequence[Path]) -> BenchedFile:
        """Return all that was measured of it."""
        loading, facts = self._loading(parts)
        timings = list(self._timings())
        scoring = self._scoring() if self._options.scored_items else None
        how = self._how
        offload = how.placement.offload
        return BenchedFile(
            name=self._path.name,
            sha256=sha256,
            type=how.gguf.file_type,
            description=facts.description,
            n_params=facts.n_params,
            tensor_bytes=facts.tensor_bytes,
            file_bytes=sum(part.stat().st_size for part in parts),
            backend=offload.backend,
            gpus=[each.description for each in offload.devices],
            gpu_layers=how.placement.gpu_layers,
            n_batch=BATCH_TOKENS,
            n_ubatch=how.placement.ubatch_tokens,
            kernels=how.kernels.kernels,
            kernels_reason=how.kernels.reason,
            loading=loading,
            memory=self._memory(),
            peak_rss_bytes=self._engine.peak_rss_bytes(),
            timings=timings,
            scoring=scoring,
        )

    def _loading(self, parts: Sequence[Path]) -> tuple[list[Loading], LoadTimes]:
        """Return what loading takes: from the disk, where that can be had, and from memory."""
        found: list[Loading] = []
        # The first load of a process also loads llama.cpp's libraries.
        self._engine.facts()
        for is_cold in (True, False):
            if is_cold and not forget(parts):
                continue
            facts: LoadTimes = self._ask("load", ModelJob, threads=self._options.thread_counts[0])
            found.append(
                Loading(is_cold=is_cold, load_s=facts.load_s, first_token_s=facts.first_token_s)
            )
        return found, facts

    def _timings(self) -> Iterator[Timing]:
        options = self._options
        n_tests = len(options.thread_counts) * len(options.tests) * options.repetitions
        with self._progress.task(f"time {self._how.gguf.file_type}", n_tests, "tests") as task:
            for threads in options.thread_counts:
                for test in options.tests:
                    seconds = []
                    job = self._job(
                        SpeedJob,
                        threads=threads,
                        test=test,
                        repetitions=options.repetitions,
                        warms_up=options.warms_up,
                    )
                    for each in self._engine.stream("time_test", job, doing=self._doing):
                        seconds.append(float(each))
                        task.advance(1)
                    yield Timing(
                        n_prompt=test.n_prompt,
                        n_generated=test.n_generated,
                        n_depth=test.n_depth,
                        threads=threads,
                        seconds=seconds,
                    )

    def _scoring(self) -> Scoring:
        options, threads = self._options, self._options.thread_counts[-1]
        requests = shapes.items(options.scored_items, self._how.gguf.n_vocab)
        job = self._job(RequestsJob, threads=threads, requests=requests)
        seconds, n_tokens = [], 0
        with self._progress.task(
            f"score {self._how.gguf.file_type}", options.repetitions, "tests"
        ) as task:
            # What is loaded and reserved for the first time is not timed.
            for is_timed in (False, *[True] * options.repetitions):
                elapsed_s, n_tokens = 0.0, 0
                for answer in self._engine.stream("score_requests", job, doing=self._doing):
                    if isinstance(answer, Begun):
                        continue
                    assert isinstance(answer, Summed)
                    elapsed_s += answer.work.elapsed_s
                    n_tokens += answer.work.tokens_decoded
                if is_timed:
                    seconds.append(elapsed_s)
                    task.advance(1)
        return Scoring(
            n_items=options.scored_items, n_tokens=n_tokens, threads=threads, seconds=seconds
        )

    def _memory(self) -> MemoryParts:
        """Return what scoring takes by the model's dimensions, in its default batches."""
        gguf, placement = self._how.gguf, self._how.placement
        n_items = max(self._options.scored_items, len(shapes.SHAPES))
        requests = shapes.items(n_items, gguf.n_vocab)
        whole = plan(requests, placement.batch_tokens, shares=not gguf.is_recurrent)
        settings = settings_for(whole, gguf.file_type, 1, placement.ubatch_tokens)
        found = memory.estimate(gguf, settings, placement.n_sessions)
        return MemoryParts(
            weights=found.weights, cache=found.cache, logits=found.logits, compute=found.compute
        )

    @property
    def _doing(self) -> str:
        return f"timing {self._path.name}"

    def _ask(self, job: str, kind: type[ModelJob], **given: Any) -> Any:
        return self._engine.ask(job, self._job(kind, **given), doing=self._doing)

    def _job(self, kind: type[ModelJob], **given: Any) -> ModelJob:
        return kind(
            path=self._path,
            placement=self._how.placement,
            kernels=self._how.kernels.kernels,
            is_forced=self._options.force,
            title=self._path.name,
            **given,
        )
