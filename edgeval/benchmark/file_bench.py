"""One GGUF under test: loaded, timed, scored with and kept busy in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeval.benchmark import shapes
from edgeval.benchmark.options import BenchOptions
from edgeval.benchmark.page_cache import forget, remember
from edgeval.benchmark.watch import Span, Watch
from edgeval.engine import Begun, Engine, LoadTimes, ModelJob, RequestsJob, SpeedJob, Summed
from edgeval.engine.kernels.paths import cpu_build, paths_of_layouts
from edgeval.evaluation.setup import ModelSetup
from edgeval.llama import memory
from edgeval.llama.speed_test import BATCH_TOKENS, SpeedTest
from edgeval.records.bench import (
    BenchedFile,
    Loading,
    MemoryParts,
    Scoring,
    Timing,
)
from edgeval.records.sensors import Sustained, SustainedRate
from edgeval.scoring.plan import plan
from edgeval.scoring.score import settings_for
from edgeval.sensors.sampler import PERIOD_S
from edgeval.system.progress import Progress, Task

SPINNING = {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"}
"""How long OpenMP's threads wait for one another before they sleep, as they do where nobody says it
(the documentation of GNU's and of LLVM's): llama-bench says nothing, and evaluations do."""

_SUSTAINED_TOKENS = 512
_JOB_S = 10.0
"""About how long the tests of one job of a sustained load take together."""


class FileBench:
    """One file, how it is computed, and the process that computes it."""

    def __init__(
        self,
        path: Path,
        how: ModelSetup,
        options: BenchOptions,
        timer: Engine,
        scorer: Engine,
        watch: Watch,
        progress: Progress,
    ) -> None:
        """Take what measures.

        Args:
            path: The GGUF.
            how: How it is computed.
            options: What is timed.
            timer: A process for tests, with the settings of llama-bench; see ``SPINNING``.
            scorer: One for scoring, with those of an evaluation.
            watch: The sensors.
            progress: Where progress is shown.
        """
        self._path, self._how, self._options = path, how, options
        self._timer, self._scorer = timer, scorer
        self._watch, self._progress = watch, progress

    def file(self, sha256: str, parts: Sequence[Path]) -> BenchedFile:
        """Return all that is measured.

        Args:
            sha256: Hash of the file.
            parts: Its parts; most have one.

        Raises:
            EdgevalError: If the model cannot be computed, or does not fit in memory.
        """
        options, how = self._options, self._how
        loading, facts = self._loading(parts)
        timings = list(self._timings())
        first_token = self._first_token()
        sustained = self._sustained() if options.sustain_s else None
        # Both processes hold the model in turn.
        self._timer.release()
        scoring = self._scoring() if options.scored_items else None
        if self._watch.sampler.names:
            # The power of the last moments is between two samples.
            time.sleep(PERIOD_S)
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
            kernel_paths=paths_of_layouts(facts.layouts, cpu_build(self._timer)),
            loading=loading,
            memory=self._memory(),
            peak_rss_bytes=self._peak_rss_bytes(),
            timings=[self._powered(*each) for each in timings],
            first_token=None if first_token is None else self._powered(*first_token),
            scoring=None if scoring is None else self._powered(*scoring),
            sustained=None if sustained is None else self._powered(*sustained),
        )

    def _peak_rss_bytes(self) -> int | None:
        found = [engine.peak_rss_bytes() for engine in (self._timer, self._scorer)]
        return max((each for each in found if each is not None), default=None)

    def _powered(self, record: Any, span: Span) -> Any:
        """Return a record with the power of its part of the benchmark."""
        return record.model_copy(update={"power": self._watch.power(span)})

    def _loading(self, parts: Sequence[Path]) -> tuple[list[Loading], LoadTimes]:
        """Return what loading takes: from the disk, where that can be had, and from memory."""
        found: list[Loading] = []
        # The first load of a process also loads llama.cpp's libraries.
        self._timer.facts()
        for is_cold in (True, False):
            if is_cold and not forget(parts):
                continue
            job = self._job(ModelJob, self._options.thread_counts[0])
            facts: LoadTimes = self._timer.ask("load", job, doing=self._doing)
            found.append(
                Loading(is_cold=is_cold, load_s=facts.load_s, first_token_s=facts.first_token_s)
            )
            if is_cold:
                self._timer.release()
                forget(parts)
                remember(parts)
        return found, facts

    def _timings(self) -> Iterator[tuple[Timing, Span]]:
        options = self._options
        n_tests = len(options.thread_counts) * len(options.tests) * options.repetitions
        with self._progress.task(f"time {self._how.gguf.file_type}", n_tests, "tests") as task:
            for threads in options.thread_counts:
                for test in options.tests:
                    yield self._timing(test, threads, task)

    def _first_token(self) -> tuple[Timing, Span] | None:
        """Return how long a reader waits for the first token behind a prompt."""
        options, kind = self._options, self._how.gguf.file_type
        if options.first_token is None:
            return None
        with self._progress.task(f"wait for {kind}", options.repetitions, "tests") as task:
            return self._timing(options.first_token, options.thread_counts[-1], task)

    def _timing(self, test: SpeedTest, threads: int, task: Task) -> tuple[Timing, Span]:
        begin, seconds = time.monotonic(), []
        for each in self._times(test, threads, self._options.repetitions):
            seconds.append(each)
            task.advance(1)
        timing = Timing(
            n_prompt=test.n_prompt,
            n_generated=test.n_generated,
            n_depth=test.n_depth,
            threads=threads,
            seconds=seconds,
        )
        return timing, Span(begin, time.monotonic())

    def _times(self, test: SpeedTest, threads: int, repetitions: int) -> Iterator[float]:
        warms_up = self._options.warms_up
        job = self._job(SpeedJob, threads, test=test, repetitions=repetitions, warms_up=warms_up)
        yield from map(float, self._timer.stream("time_test", job, doing=self._doing))

    def _scoring(self) -> tuple[Scoring, Span]:
        options, threads = self._options, self._options.thread_counts[-1]
        requests = shapes.items(options.scored_items, self._how.gguf.n_vocab)
        job = self._job(RequestsJob, threads, requests=requests)
        seconds: list[float] = []
        n_tokens, begin = 0, 0.0
        kind = self._how.gguf.file_type
        with self._progress.task(f"score {kind}", options.repetitions, "tests") as task:
            # What is loaded and reserved for the first time is not timed.
            for is_timed in (False, *[True] * options.repetitions):
                if not seconds:
                    begin = time.monotonic()
                elapsed_s, n_tokens = 0.0, 0
                for answer in self._scorer.stream("score_requests", job, doing=self._doing):
                    if isinstance(answer, Begun):
                        continue
                    assert isinstance(answer, Summed)
                    elapsed_s += answer.work.elapsed_s
                    n_tokens += answer.work.tokens_decoded
                if is_timed:
                    seconds.append(elapsed_s)
                    task.advance(1)
        scoring = Scoring(
            n_items=options.scored_items, n_tokens=n_tokens, threads=threads, seconds=seconds
        )
        return scoring, Span(begin, time.monotonic())

    def _sustained(self) -> tuple[Sustained, Span]:
        """Decode prompts without a pause for as long as was asked, and return each test's speed."""
        options, threads = self._options, self._options.thread_counts[-1]
        if options.cool_to_c is not None:
            self._watch.cool(options.cool_to_c, self._progress)
        test, rates, repetitions = SpeedTest(n_prompt=_SUSTAINED_TOKENS), [], 1
        sampler = self._watch.sampler
        begin, cpu_s, missed = time.monotonic(), sampler.cpu_s, sampler.n_missed
        kind, total_s = self._how.gguf.file_type, options.sustain_s
        with self._progress.task(f"keep {kind} busy", total_s, "seconds") as task:
            while (past_s := time.monotonic() - begin) < total_s:
                for each in self._times(test, threads, repetitions):
                    at_s = time.monotonic() - begin
                    rates.append(SustainedRate(at_s=at_s, tokens_per_s=test.n_tokens / each))
                    task.advance(at_s - past_s)
                    past_s = at_s
                left_s = max(0.0, total_s - past_s)
                repetitions = max(1, round(min(_JOB_S, left_s) / each))
        span = Span(begin, time.monotonic())
        return (
            Sustained(
                n_prompt=test.n_prompt,
                threads=threads,
                rates=rates,
                samples=self._watch.samples(span),
                n_missed=sampler.n_missed - missed,
                sampler_share=(sampler.cpu_s - cpu_s) / (span.end_s - span.begin_s),
            ),
            span,
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

    def _job(self, kind: type[ModelJob], threads: int, **given: Any) -> ModelJob:
        return kind(
            path=self._path,
            placement=self._how.placement,
            threads=threads,
            kernels=self._how.kernels.kernels,
            is_forced=self._options.force,
            title=self._path.name,
            # Tests load as llama-bench does, and scoring as evaluations do.
            maps=kind is not RequestsJob,
            **given,
        )
