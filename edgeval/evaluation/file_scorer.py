"""What one GGUF says about the items: from the store, and of the model where that has nothing."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from edgeval.engine import Begun, Engine, Scored, running
from edgeval.errors import EngineDiedError
from edgeval.evaluation.jobs import ScoringJob, open_jobs
from edgeval.evaluation.kl_items import DistributionWork, KeepTopLogprobs, ReferenceTopLogprobs
from edgeval.evaluation.setup import Setup
from edgeval.gguf.contents import Contents, held
from edgeval.gguf.identity import model_facts
from edgeval.gguf.parts import model_files
from edgeval.gguf.provenance import imatrix_info
from edgeval.llama import GgufInfo, machine
from edgeval.records import Divergence, ModelFacts, ModelRun
from edgeval.records.plan import PlanInfo
from edgeval.scoring.results import ItemResult
from edgeval.scoring.timing import Timing
from edgeval.stats import metrics
from edgeval.stats.sequential import SequentialEvaluation
from edgeval.store.store import Store
from edgeval.store.stored_run import StoredRun
from edgeval.system.escapes import without_surrogates
from edgeval.system.progress import NoProgress, Progress, Task
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.requests import Work

__all__ = ["FileResult", "KeepTopLogprobs", "ReferenceTopLogprobs", "evaluate_file"]

_SAVE_INTERVAL_S = 1.0
"""Scores are saved this often, or after each batch where that takes longer."""

_SCORED = "it was scored"


@dataclass(frozen=True)
class FileResult:
    """What one GGUF says about the items.

    Attributes:
        run: What was measured, in sum.
        scores: The scores by index, in the order of the items.
        sketches: Its distributions in short, if they were wanted.
        divergence: How far its distributions are from a reference's, if that was wanted.
    """

    run: ModelRun
    scores: Mapping[int, ItemScore]
    sketches: ReferenceTopLogprobs | None = None
    divergence: Divergence | None = None


def evaluate_file(
    path: Path,
    setup: Setup,
    store: Store | None = None,
    *,
    wanted: KeepTopLogprobs | ReferenceTopLogprobs | None = None,
    pursuit: SequentialEvaluation | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Score the items of the setup with one GGUF: every one, or as many as a pursuit needs.

    What the store holds of the same setting is taken from it; what is computed is added to it.

    Args:
        path: The GGUF.
        setup: What is evaluated and how.
        store: Where scores are kept; None for nowhere.
        wanted: What more is wanted: sketches of some items, or the divergence from those of a
            reference. Scores are the same with it and without.
        pursuit: What is to be found out; its items are indices of the setup.
        progress: Where to show progress.

    Raises:
        EdgevalError: If the file cannot be evaluated, does not fit in memory, or has other tokens
            than the reference.
    """
    if store is None:
        with Store(None) as nowhere:
            return evaluate_file(
                path, setup, nowhere, wanted=wanted, pursuit=pursuit, progress=progress
            )
    with held(model_files(path), progress) as contents, running() as engine:
        gguf = engine.info(path, setup.options.pre)
        setting = setup.score_key(contents.sha256, gguf)
        with store.run(
            setting,
            file=without_surrogates(path.name),
            data=setup.data.name,
            fresh=setup.options.fresh,
            progress=progress,
        ) as measurement:
            looks = DistributionWork(wanted, setup.indices, measurement, contents.sha256)
            scoring = FileScorer(
                engine, gguf, contents, setup, measurement, looks, progress or NoProgress()
            )
            scores = scoring.complete() if pursuit is None else scoring.pursue(pursuit)
            engine.release()
            work, facts = measurement.totals(scores.keys())
            speed, known = scoring.timing.speed, measurement.speeds(scores.keys())
        contents.require_unchanged(_SCORED)
    imatrix = imatrix_info(gguf.metadata)
    offload = setting.offload(setup.placement(gguf).n_layers)
    run = ModelRun(
        type=facts.file_type,
        imatrix=imatrix,
        file=path.name,
        sha256=contents.sha256,
        file_bytes=contents.n_bytes,
        bits_per_weight=8 * facts.tensor_bytes / facts.n_params,
        n_params=facts.n_params,
        mix=scoring.model_facts.mix,
        pre_tokenizer=scoring.model_facts.pre_tokenizer,
        metrics=metrics.metrics_of(
            list(scores.values()), setup.data.n_total, is_random=setup.data.order != "file"
        )
        if pursuit is None
        else pursuit.metrics(),
        stopping=None if pursuit is None else pursuit.stopping(),
        tokens_decoded=work.tokens_decoded,
        tokens_lower_bound=facts.lower_bound,
        logit_rows=work.logit_rows,
        batch_tokens=setting.batch_tokens,
        n_batch=facts.n_batch,
        n_ubatch=facts.n_ubatch,
        cache_type=setting.cache_type,
        flash_attention=setting.flash_attention,
        n_from_store=scoring.n_stored,
        speed=speed,
        stored=[each for each in known if speed is None or not each.is_of_same_command(speed)],
        kernels=setting.kernels,
        kernels_reason=setup.kernels(gguf).reason,
        offload=offload,
        self_check=store.self_check(setting) if setting.devices else None,
    )
    order = None if pursuit is None else scores
    return FileResult(run, scores, looks.sketches(), looks.divergence(order))


class FileScorer:
    """Completes the scores of one GGUF."""

    def __init__(
        self,
        engine: Engine,
        gguf: GgufInfo,
        contents: Contents,
        setup: Setup,
        measurement: StoredRun,
        looks: DistributionWork,
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._gguf = gguf
        self._contents = contents
        self._setup = setup
        self._measurement = measurement
        self._looks = looks
        self._progress = progress
        self.timing = Timing(setup.threads)
        self.n_stored = 0

    def complete(self) -> dict[int, ItemScore]:
        """Return the scores of all items of the setup, by their indices."""
        indices = self._setup.indices
        scores = self._measurement.scores(self._items())
        if scores:
            name = self._gguf.path.name
            self._progress.log(f"{name}: {len(scores):,} of {len(indices):,} items already scored")
        missing, self.n_stored = set(indices) - scores.keys(), len(scores)
        again = self._looks.missing().keys() - missing
        if again:
            self._progress.log(f"{self._gguf.path.name}: decoding {len(again):,} of them once more")
        if missing or again:
            with self._task(len(indices), scores) as task:
                task.advance(len(scores))
                self._score(indices, missing, again, scores, task)
        return {index: scores[index] for index in indices}

    def pursue(self, pursuit: SequentialEvaluation) -> dict[int, ItemScore]:
        """Return the scores of the items that a pursuit needed, in its order."""
        stored = self._measurement.scores(self._items())
        found: dict[int, ItemScore] = {}
        with self._task(pursuit.limit, found) as task:
            while not pursuit.is_over:
                block = pursuit.next_block()
                scores = {index: stored[index] for index in block if index in stored}
                missing = set(block) - scores.keys()
                again = self._looks.missing().keys() & scores.keys()
                task.advance(len(scores))
                self.n_stored += len(scores)
                if missing or again:
                    self._score(block, missing, again, scores, task, is_block=True)
                pursuit.add([scores[index] for index in block])
                found |= {index: scores[index] for index in block}
                task.advance(0, pursuit.note)
        return found

    @functools.cached_property
    def model_facts(self) -> ModelFacts:
        """What is known of the model besides its scores."""
        # Read once: an evaluation that stops early has a plan for each of its blocks.
        return model_facts(self._gguf.path, self._setup.checkpoint, self._gguf.pre)

    def _items(self) -> dict[int, Item]:
        return dict(zip(self._setup.indices, self._setup.items, strict=True))

    @contextlib.contextmanager
    def _task(self, total: int, scores: Mapping[int, ItemScore]) -> Iterator[Task]:
        """Open a task of scoring; an interruption, or a death, says how far it came."""
        title = f"score {self._gguf.file_type}"
        with self._progress.task(title, total, "items") as task:
            try:
                yield task
            except KeyboardInterrupt as stop:
                stop.args = (f"at {len(scores):,} of {total:,} items of {self._gguf.path.name}",)
                raise
            except EngineDiedError as death:
                raise death.at(len(scores), total) from None

    def _score(
        self,
        indices: Sequence[int],
        missing: Set[int],
        again: Set[int],
        scores: dict[int, ItemScore],
        task: Task,
        *,
        is_block: bool = False,
    ) -> None:
        """Add the scores of missing items, and look closer at others that have one."""
        todo = open_jobs(self._setup, self._measurement, indices, missing, again, is_block=is_block)
        for draft in list(todo):
            # Closed here, what is complete is saved before the store is gone.
            with contextlib.closing(self._carry_out(draft)) as new_scores:
                for index, score in new_scores:
                    if index in missing and index not in scores:
                        scores[index] = score
                        # Items are scored in the order of their prefixes: an accuracy of those so
                        # far would be one of some activities, and is not shown.
                        task.advance(1)

    def _carry_out(self, draft: ScoringJob) -> Generator[tuple[int, ItemScore], None, None]:
        """Score what a draft has to do, and yield indices and scores as they are complete."""
        job = draft.job(self._setup, self._gguf, self._looks.missing())
        doing = f"scoring {self._gguf.path.name}"
        with contextlib.closing(self._engine.score(job, doing)) as answers:
            begun = next(answers)
            assert isinstance(begun, Begun)
            facts = self._plan_facts(begun)
            # What was hashed is what is loaded, and what the facts were read of.
            self._contents.require_unchanged("it was loaded")
            saved = draft.saved or self._measurement.add_plan(
                draft.indices, facts, machine.describe()
            )
            work, stint = Work(), self.timing.stint(saved.id, begun.load_s)
            unsaved: dict[int, ItemResult] = {}
            last = time.perf_counter()
            try:
                for batch in answers:
                    assert isinstance(batch, Scored)
                    work.add(batch.work)
                    complete = {
                        draft.indices[index]: _of(result, job.items[index])
                        for index, result in batch.results.items()
                    }
                    unsaved |= complete
                    if time.perf_counter() - last > _SAVE_INTERVAL_S:
                        self._contents.require_unchanged(_SCORED)
                        self._looks.save(saved, unsaved, work.take(), stint)
                        unsaved, last = {}, time.perf_counter()
                    yield from ((index, result.score) for index, result in complete.items())
                self._contents.require_unchanged(_SCORED)
            finally:
                # Also when it is interrupted, or llama.cpp dies: what is complete is kept.
                if self._contents.is_unchanged():
                    self._looks.save(saved, unsaved, work.take(), stint)

    def _plan_facts(self, begun: Begun) -> PlanInfo:
        return PlanInfo(
            file_type=begun.file_type,
            n_params=begun.n_params,
            tensor_bytes=begun.tensor_bytes,
            lower_bound=begun.lower_bound,
            n_batch=begun.n_batch,
            n_ubatch=begun.n_ubatch,
            n_total=self._setup.data.n_total,
            model=self.model_facts,
        )


def _of(result: ItemResult, item: Item) -> ItemResult:
    """Return a result of the item that is here, not of its copy: thousands of texts are long."""
    return replace(result, score=replace(result.score, item=item))
