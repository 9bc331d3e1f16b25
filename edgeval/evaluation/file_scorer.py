"""File scorer: what one GGUF says about the items, from the store or from the model now."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeval.engine import Begun, Scored, running
from edgeval.errors import EngineDiedError
from edgeval.evaluation.jobs import ScoringJob, open_jobs
from edgeval.evaluation.kl_items import DistributionWork, KeepTopLogprobs, ReferenceTopLogprobs
from edgeval.evaluation.model_run import model_run, plan_info
from edgeval.evaluation.save_pace import SavePace
from edgeval.evaluation.setup import EvalSetup
from edgeval.gguf.contents import held
from edgeval.gguf.identity import model_facts
from edgeval.gguf.parts import model_files
from edgeval.llama import machine
from edgeval.records import Divergence, ModelFacts, ModelRun
from edgeval.scoring import sensing
from edgeval.scoring.results import ItemResult
from edgeval.scoring.timing import Timing
from edgeval.stats.metrics import nats_per_token
from edgeval.stats.sequential import EveryItem, SequentialEvaluation
from edgeval.store.store import Store
from edgeval.system.escapes import without_surrogates
from edgeval.system.progress import NoProgress, Progress, Task
from edgeval.system.untrusted import printable
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.requests import Work

__all__ = ["FileResult", "KeepTopLogprobs", "ReferenceTopLogprobs", "evaluate_file"]

_SAVE_INTERVAL_S = 1.0
"""Scores are saved this often at first, or after each batch where that takes longer."""

_SCORED = "it was scored"
_MOST_CHARS = 200


@dataclass(frozen=True)
class FileResult:
    """What one GGUF says about the items.

    Attributes:
        run: What was measured, in sum.
        scores: The scores by index, in the order of the items.
        top_logprobs: Its distributions in short, if they were wanted.
        divergence: How far its distributions are from a reference's, if that was wanted.
    """

    run: ModelRun
    scores: Mapping[int, ItemScore]
    top_logprobs: ReferenceTopLogprobs | None = None
    divergence: Divergence | None = None


def evaluate_file(
    path: Path,
    setup: EvalSetup,
    store: Store | None = None,
    *,
    wanted: KeepTopLogprobs | ReferenceTopLogprobs | None = None,
    sequential: SequentialEvaluation | None = None,
    progress: Progress | None = None,
    tag: str | None = None,
) -> FileResult:
    """Score the items of the setup with one GGUF: every one, or as many as early stopping needs.

    What the store holds of the same key is taken from it; what is computed is added to it.

    Args:
        path: The GGUF.
        setup: What is evaluated and how.
        store: Where scores are kept; None for nowhere.
        wanted: What more is wanted: top log-probabilities of some items, or the divergence from
            those of a reference. Scores are the same with it and without.
        sequential: What is to be found out; its items are indices of the setup. None for all items.
        progress: Where to show progress.
        tag: What tells it from other files of its type, where reports show several.

    Raises:
        EdgevalError: If the file cannot be evaluated, does not fit in memory, or has other tokens
            than the reference.
    """
    data, metrics = setup.data, setup.protocol.metrics
    every_item = EveryItem(setup.indices, data.n_total, metrics, is_random=data.order != "file")
    with FileScorer(path, setup, store, wanted, progress or NoProgress(), tag) as scorer:
        return scorer.result(sequential or every_item)


class FileScorer:
    """Completes the scores of one GGUF; a context that holds its file, its model and its run."""

    def __init__(
        self,
        path: Path,
        setup: EvalSetup,
        store: Store | None,
        wanted: KeepTopLogprobs | ReferenceTopLogprobs | None,
        progress: Progress,
        tag: str | None,
    ) -> None:
        self._path, self._setup = path, setup
        self._store = store
        self._wanted = wanted
        self._progress, self._tag = progress, tag
        self._n_stored = 0

    def __enter__(self) -> FileScorer:
        setup, progress = self._setup, self._progress
        with contextlib.ExitStack() as stack:
            store = self._store or stack.enter_context(Store(None))
            self._contents = stack.enter_context(held(model_files(self._path), progress))
            self._engine = stack.enter_context(running())
            self._model = setup.of(self._engine.info(self._path, setup.options.pre))
            self._key = self._model.score_key(self._contents.sha256)
            self._self_check = store.self_check(self._key) if self._key.devices else None
            self._run = stack.enter_context(
                store.run(
                    self._key,
                    file=without_surrogates(self._path.name),
                    data=setup.data.name,
                    fresh=setup.options.fresh,
                    progress=progress,
                )
            )
            self._distributions = DistributionWork(
                self._wanted, setup.indices, self._run, self._contents.sha256
            )
            # What is timed begins once the file was hashed.
            self._timing = Timing(setup.threads, sensing.current())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def result(self, sequential: SequentialEvaluation) -> FileResult:
        """Score as many items as it takes, and return what they say, in sum.

        Args:
            sequential: Which items come next, and when there are enough.
        """
        scores = self._complete(sequential)
        if not self._setup.keeps_model:
            self._engine.release()
        self._contents.require_unchanged(_SCORED)
        work, info = self._run.totals(scores.keys())
        gguf = self._model.gguf
        quantized_by = gguf.metadata("general.quantized_by")
        speed, known = self._timing.speed, self._run.speeds(scores.keys())
        stopping = sequential.stopping()
        run = model_run(
            self._key,
            info,
            self._facts,
            work,
            sequential.metrics(),
            name=self._tag,
            file=self._path.name,
            file_bytes=self._contents.n_bytes,
            stopping=stopping,
            quantized_by=printable(quantized_by, 100)[:_MOST_CHARS] if quantized_by else None,
            wants_bos=gguf.wants_bos,
            nats_per_token=nats_per_token(list(scores.values())),
            n_from_store=self._n_stored,
            speed=speed,
            stored=[each for each in known if speed is None or not each.is_of_same_command(speed)],
            kernels_reason=self._model.kernels.reason,
            self_check=self._self_check,
        )
        kept = self._distributions.top_logprobs()
        divergence = self._distributions.divergence(None if stopping is None else scores)
        return FileResult(run, scores, kept, divergence)

    def _complete(self, sequential: SequentialEvaluation) -> dict[int, ItemScore]:
        """Return the scores of the items that were needed, by index, in the order of the need."""
        known = self._run.scores(dict(zip(self._setup.indices, self._setup.items, strict=True)))
        scores: dict[int, ItemScore] = {}
        order: list[int] = []
        with self._task(sequential, known, scores) as task:
            while not sequential.is_over:
                block = sequential.next_block()
                stored = {index: known[index] for index in block if index in known}
                scores |= stored
                self._setup.observer.add(stored)
                self._n_stored += len(stored)
                task.skip(len(stored))
                self._score(block, sequential, scores, task)
                sequential.add([scores[index] for index in block])
                order += block
                if sequential.note:
                    task.advance(0, sequential.note)
        return {index: scores[index] for index in order}

    @contextlib.contextmanager
    def _task(
        self,
        sequential: SequentialEvaluation,
        known: Mapping[int, ItemScore],
        scores: Mapping[int, ItemScore],
    ) -> Iterator[Task]:
        """Open a task of scoring; an interruption, or a death, says how far it came."""
        total, name = sequential.limit, self._path.name
        of_task = f", {self._setup.data.task}" if self._setup.n_together > 1 else ""
        again = self._distributions.missing().keys() & known.keys()
        if sequential.is_whole and known:
            self._progress.log(f"{name}{of_task}: {len(known):,} of {total:,} items already scored")
        if sequential.is_whole and again:
            self._progress.log(f"{name}{of_task}: decoding {len(again):,} of them once more")
        is_idle = sequential.is_whole and len(known) == total and not again
        progress = NoProgress() if is_idle else self._progress
        with progress.task(f"score {self._model.gguf.file_type}{of_task}", total, "items") as task:
            try:
                yield task
            except KeyboardInterrupt as stop:
                stop.args = (f"at {len(scores):,} of {total:,} items of {name}",)
                raise
            except EngineDiedError as death:
                raise death.at(len(scores), total) from None

    def _score(
        self,
        block: Sequence[int],
        sequential: SequentialEvaluation,
        scores: dict[int, ItemScore],
        task: Task,
    ) -> None:
        """Add the scores that a block misses, and look closer at others that have one."""
        missing = {index for index in block if index not in scores}
        again = self._distributions.missing().keys() & set(block) - missing
        is_block = not sequential.is_whole
        jobs = open_jobs(self._setup, self._run, block, missing, again, is_block=is_block)
        for job in list(jobs):
            self._carry_out(job, missing, scores, task)

    def _carry_out(
        self, job: ScoringJob, missing: Set[int], scores: dict[int, ItemScore], task: Task
    ) -> None:
        """Score what a job has to do; add what was missing, and save what is complete."""
        asked = job.for_engine(self._model, self._distributions.missing())
        if self._timing.sensors is not None:
            self._timing.sensors.begin(has_gpus=bool(self._setup.devices))
        with contextlib.closing(self._engine.score(asked, f"scoring {self._path.name}")) as answers:
            begun = next(answers)
            assert isinstance(begun, Begun)
            info = plan_info(begun, self._setup.data.n_total, self._facts)
            # What was hashed is what is loaded, and what the facts were read of.
            self._contents.require_unchanged("it was loaded")
            plan = job.saved or self._run.add_plan(job.indices, info, machine.describe())
            work, stint = Work(), self._timing.stint(plan.id, begun.load_s)
            unsaved: dict[int, ItemResult] = {}
            pace = SavePace(_SAVE_INTERVAL_S)
            stint.resume()
            try:
                for batch in answers:
                    assert isinstance(batch, Scored)
                    work.add(batch.work)
                    complete = {
                        job.indices[at]: _of(result, asked.items[at])
                        for at, result in batch.results.items()
                    }
                    unsaved |= complete
                    if pace.is_due():
                        self._contents.require_unchanged(_SCORED)
                        self._distributions.save(plan, unsaved, work.take(), stint)
                        unsaved = {}
                    new = complete.keys() & missing - scores.keys()
                    self._setup.observer.add({index: complete[index].score for index in new})
                    for index in new:
                        scores[index] = complete[index].score
                        # In the order of prefixes an accuracy so far would be one of some groups.
                        task.advance(1)
                self._contents.require_unchanged(_SCORED)
            finally:
                stint.pause()
                if self._contents.is_unchanged():
                    self._distributions.save(plan, unsaved, work.take(), stint)

    @functools.cached_property
    def _facts(self) -> ModelFacts:
        return model_facts(self._path, self._setup.checkpoint, self._model.gguf.pre)


def _of(result: ItemResult, item: Item) -> ItemResult:
    """Return a result of the item that is here, not of its copy: thousands of texts are long."""
    return replace(result, score=replace(result.score, item=item))
