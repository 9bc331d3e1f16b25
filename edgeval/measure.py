"""What one GGUF says about the items: from the store, and of the model where that has nothing."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from edgeval import device, llama, metrics
from edgeval.drafts import Draft, drafts
from edgeval.identity import model_facts
from edgeval.looks import Looks, MakeSketches, Sketches
from edgeval.origin import imatrix_info
from edgeval.plan import Work
from edgeval.progress import NoProgress, Progress, Task
from edgeval.pursuit import Pursuit
from edgeval.records import Divergence, ModelFacts, ModelRun
from edgeval.score import ItemResult, score_items
from edgeval.setup import Setup
from edgeval.store import Measurement, PlanFacts, Store
from edgeval.tasks import Item, ItemScore

__all__ = ["MakeSketches", "Measured", "Sketches", "evaluate_file"]

_SAVE_INTERVAL_S = 1.0
"""Scores are saved this often, or after each batch where that takes longer."""


@dataclass(frozen=True)
class Measured:
    """What one GGUF says about the items.

    Attributes:
        run: What was measured, in sum.
        scores: The scores by places in the data set, in the order of the items.
        sketches: Its distributions in short, if they were wanted.
        divergence: How far its distributions are from a reference's, if that was wanted.
    """

    run: ModelRun
    scores: Mapping[int, ItemScore]
    sketches: Sketches | None = None
    divergence: Divergence | None = None


def evaluate_file(
    path: Path,
    setup: Setup,
    store: Store | None = None,
    *,
    wanted: MakeSketches | Sketches | None = None,
    pursuit: Pursuit | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Score the items of the setup with one GGUF: every one, or as many as a pursuit needs.

    What the store holds of the same setting is taken from it; what is computed is added to it.

    Args:
        path: The GGUF.
        setup: What is evaluated and how.
        store: Where scores are kept; None for nowhere.
        wanted: What more is wanted: sketches of some items, or the divergence from those of a
            reference. Scores are the same with it and without.
        pursuit: What is to be found out; its items are places of the setup.
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
    sha256 = store.sha256(path)
    with llama.Vocabulary(path) as vocabulary:
        setting = setup.setting(sha256, vocabulary)
        with store.measurement(
            setting,
            file=path.name,
            data=setup.data.name,
            fresh=setup.options.fresh,
            progress=progress,
        ) as measurement:
            looks = Looks(wanted, setup.places, measurement, sha256)
            bars = progress or NoProgress()
            with contextlib.ExitStack() as stack:
                scoring = _Scoring(path, setup, vocabulary, measurement, looks, bars, stack)
                scores = scoring.complete() if pursuit is None else scoring.pursue(pursuit)
            work, facts = measurement.totals(scores.keys())
        imatrix = imatrix_info(vocabulary.metadata)
        offload = setting.offload(setup.placement(vocabulary).n_layers)
    run = ModelRun(
        type=facts.file_type,
        imatrix=imatrix,
        file=path.name,
        sha256=sha256,
        file_bytes=path.stat().st_size,
        bits_per_weight=8 * facts.tensor_bytes / facts.n_params,
        n_params=facts.n_params,
        metrics=metrics.metrics_of(list(scores.values()), setup.data.n_total)
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
        elapsed_s=work.elapsed_s,
        load_s=scoring.load_s,
        tokens_per_s=work.tokens_decoded / work.elapsed_s,
        offload=offload,
        self_check=store.self_check(setting) if setting.devices else None,
    )
    return Measured(run, scores, looks.sketches(), looks.divergence())


class _Scoring:
    """Completes the scores of one GGUF."""

    def __init__(
        self,
        path: Path,
        setup: Setup,
        vocabulary: llama.Vocabulary,
        measurement: Measurement,
        looks: Looks,
        progress: Progress,
        stack: contextlib.ExitStack,
    ) -> None:
        self._path = path
        self._setup = setup
        self._vocabulary = vocabulary
        self._measurement = measurement
        self._looks = looks
        self._progress = progress
        self._stack = stack
        self._model: llama.Model | None = None
        self.load_s = 0.0

    def complete(self) -> dict[int, ItemScore]:
        """Return the scores of all items of the setup, by their places in the data set."""
        places = self._setup.places
        scores = self._measurement.scores(self._items())
        if scores:
            name = self._path.name
            self._progress.log(f"{name}: {len(scores):,} of {len(places):,} items already scored")
        missing = set(places) - scores.keys()
        again = self._looks.missing().keys() - missing
        if again:
            self._progress.log(f"{self._path.name}: decoding {len(again):,} of them once more")
        if missing or again:
            with self._task(len(places), scores) as task:
                task.advance(len(scores))
                self._score(places, missing, again, scores, task)
        return {place: scores[place] for place in places}

    def pursue(self, pursuit: Pursuit) -> dict[int, ItemScore]:
        """Return the scores of the items that a pursuit needed, in its order."""
        stored = self._measurement.scores(self._items())
        found: dict[int, ItemScore] = {}
        with self._task(pursuit.limit, found) as task:
            while not pursuit.is_over:
                block = pursuit.next_block()
                scores = {place: stored[place] for place in block if place in stored}
                missing = set(block) - scores.keys()
                again = self._looks.missing().keys() & scores.keys()
                task.advance(len(scores))
                if missing or again:
                    self._score(block, missing, again, scores, task, is_block=True)
                pursuit.add([scores[place] for place in block])
                found |= {place: scores[place] for place in block}
                task.advance(0, pursuit.note)
        return found

    @functools.cached_property
    def _model_facts(self) -> ModelFacts:
        # Read once: an evaluation that stops early has a plan for each of its blocks.
        return model_facts(self._path, self._setup.checkpoint)

    def _items(self) -> dict[int, Item]:
        return dict(zip(self._setup.places, self._setup.items, strict=True))

    @contextlib.contextmanager
    def _task(self, total: int, scores: Mapping[int, ItemScore]) -> Iterator[Task]:
        """Open a task of scoring; an interruption says how far it came."""
        title = f"score {self._vocabulary.file_type}"
        with self._progress.task(title, total, "items") as task:
            try:
                yield task
            except KeyboardInterrupt as stop:
                stop.args = (f"at {len(scores):,} of {total:,} items of {self._path.name}",)
                raise

    def _score(
        self,
        places: Sequence[int],
        missing: Set[int],
        again: Set[int],
        scores: dict[int, ItemScore],
        task: Task,
        *,
        is_block: bool = False,
    ) -> None:
        """Add the scores of missing items, and look closer at others that have one."""
        todo = list(
            drafts(
                self._setup,
                self._vocabulary,
                self._measurement,
                places,
                missing,
                again,
                is_block=is_block,
            )
        )
        model = self._loaded(todo)
        # Closed here, what is complete is saved before the model and the store are gone.
        with contextlib.closing(self._new_scores(todo, model)) as new_scores:
            for place, score in new_scores:
                if place in missing and place not in scores:
                    scores[place] = score
                    # Items are scored in the order of their prefixes: an accuracy of those so far
                    # would be one of some activities, and is not shown.
                    task.advance(1)

    def _loaded(self, todo: Sequence[Draft]) -> llama.Model:
        """Return the model; it is loaded when it is first needed, if it fits."""
        if self._model is None:
            for draft in todo:
                self._setup.require_memory(self._vocabulary, draft.settings, self._path.name)
            started = time.perf_counter()
            offload = self._setup.placement(self._vocabulary).offload
            self._model = self._stack.enter_context(llama.Model(self._path, offload))
            self.load_s = time.perf_counter() - started
        return self._model

    def _new_scores(
        self, drafts: Sequence[Draft], model: llama.Model
    ) -> Generator[tuple[int, ItemScore], None, None]:
        for draft in drafts:
            yield from self._carry_out(draft, model)

    def _carry_out(self, draft: Draft, model: llama.Model) -> Iterator[tuple[int, ItemScore]]:
        """Score what a draft has to do, and yield places and scores as they are complete."""
        facts = PlanFacts(
            file_type=model.file_type,
            n_params=model.n_params,
            tensor_bytes=model.tensor_bytes,
            lower_bound=draft.plan.lower_bound,
            n_batch=draft.settings.n_batch,
            n_ubatch=draft.settings.n_ubatch,
            n_total=self._setup.data.n_total,
            model=self._model_facts,
        )
        saved = draft.saved or self._measurement.add_plan(draft.places, facts, device.describe())
        items = [self._setup.item_at(place) for place in draft.places]
        missing = self._looks.missing()
        closer = {i: missing[place] for i, place in enumerate(draft.places) if place in missing}
        n_sessions = self._setup.placement(self._vocabulary).n_sessions
        work = Work()
        unsaved: dict[int, ItemResult] = {}
        last = time.perf_counter()
        try:
            for batch in score_items(
                model, items, draft.choices, draft.todo, draft.settings, work, closer, n_sessions
            ):
                complete = {draft.places[index]: result for index, result in batch.items()}
                unsaved |= complete
                if time.perf_counter() - last > _SAVE_INTERVAL_S:
                    self._looks.save(saved, unsaved, work.take())
                    unsaved, last = {}, time.perf_counter()
                yield from ((place, result.score) for place, result in complete.items())
        finally:
            # Also when it is interrupted: what is complete is kept.
            self._looks.save(saved, unsaved, work.take())
