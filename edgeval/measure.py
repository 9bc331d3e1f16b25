"""What one GGUF says about the items: from the store, and of the model where that has nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from edgeval import device, llama, memory, metrics
from edgeval.errors import StoreError
from edgeval.identity import model_facts
from edgeval.origin import imatrix_info
from edgeval.plan import Plan, Request, Work, plan
from edgeval.progress import NoProgress, Progress
from edgeval.records import ModelRun
from edgeval.score import (
    SCORING_VERSION,
    attention_of,
    batch_tokens_for,
    n_sessions,
    score_items,
    settings_for,
)
from edgeval.setup import Setup
from edgeval.store import Measurement, PlanFacts, SavedPlan, Setting, Store
from edgeval.tasks import ItemScore

_SAVE_INTERVAL_S = 1.0
"""Scores are saved this often, or after each batch where that takes longer."""


def evaluate_file(
    path: Path, setup: Setup, store: Store | None = None, *, progress: Progress | None = None
) -> tuple[ModelRun, list[ItemScore]]:
    """Score every item of the setup with one GGUF.

    What the store holds of the same setting is taken from it; what is computed is added to it.

    Args:
        path: The GGUF.
        setup: What is evaluated and how.
        store: Where scores are kept; None for nowhere.
        progress: Where to show progress.

    Returns:
        What was measured, and the scores in the order of the items.

    Raises:
        EdgevalError: If the file cannot be evaluated, or does not fit in memory.
    """
    if store is None:
        with Store(None) as nowhere:
            return evaluate_file(path, setup, nowhere, progress=progress)
    sha256 = store.sha256(path)
    with llama.Vocabulary(path) as vocabulary:
        file_type = vocabulary.file_type
        setting = _setting(setup, sha256, file_type)
        with store.measurement(
            setting,
            file=path.name,
            data=setup.data.name,
            fresh=setup.options.fresh,
            progress=progress,
        ) as measurement:
            scoring = _Scoring(path, setup, vocabulary, measurement, progress or NoProgress())
            scores = scoring.complete()
            work, facts = measurement.totals(setup.places)
        imatrix = imatrix_info(vocabulary.metadata)
    in_order = [scores[place] for place in setup.places]
    run = ModelRun(
        type=facts.file_type,
        imatrix=imatrix,
        file=path.name,
        sha256=sha256,
        file_bytes=path.stat().st_size,
        bits_per_weight=8 * facts.tensor_bytes / facts.n_params,
        n_params=facts.n_params,
        metrics=metrics.metrics_of(in_order, setup.data.n_total),
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
    )
    return run, in_order


@dataclass(frozen=True)
class _Draft:
    """Items that are scored together, and how.

    Attributes:
        places: Their places in the data set.
        saved: The plan in the store, if it was begun before.
        choices: For each item, the requests of its choices.
        plan: All batches of these items.
        todo: Those of them that score an item which is missing.
        settings: How the model is run.
    """

    places: Sequence[int]
    saved: SavedPlan | None
    choices: Sequence[Sequence[Request]]
    plan: Plan
    todo: Plan
    settings: llama.SessionSettings


class _Scoring:
    """Completes the scores of one GGUF."""

    def __init__(
        self,
        path: Path,
        setup: Setup,
        vocabulary: llama.Vocabulary,
        measurement: Measurement,
        progress: Progress,
    ) -> None:
        self._path = path
        self._setup = setup
        self._vocabulary = vocabulary
        self._measurement = measurement
        self._progress = progress
        self.load_s = 0.0

    def complete(self) -> dict[int, ItemScore]:
        """Return the scores of all items of the setup, by their places in the data set."""
        wanted = dict(zip(self._setup.places, self._setup.items, strict=True))
        scores = self._measurement.scores(wanted)
        if scores:
            name = self._path.name
            self._progress.log(f"{name}: {len(scores):,} of {len(wanted):,} items already scored")
        missing = wanted.keys() - scores.keys()
        if not missing:
            return scores
        drafts = list(self._drafts(missing))
        for draft in drafts:
            self._require_memory(draft.settings)
        started = time.perf_counter()
        with llama.Model(self._path, self._setup.backend) as model:
            self.load_s = time.perf_counter() - started
            metric = self._setup.protocol.metric
            right = sum(metrics.picks(each)[metric] == each.item.gold for each in scores.values())
            title = f"score {model.file_type}"
            # Closed here, what is complete is saved before the model and the store are gone.
            with (
                self._progress.task(title, len(wanted), "items") as task,
                contextlib.closing(self._new_scores(drafts, model)) as new_scores,
            ):
                task.advance(len(scores))
                try:
                    for place, score in new_scores:
                        if place in missing and place not in scores:
                            scores[place] = score
                            right += metrics.picks(score)[metric] == score.item.gold
                            task.advance(1, f"{metric} {100 * right / len(scores):.1f}")
                except KeyboardInterrupt as stop:
                    n, total = len(scores), len(wanted)
                    stop.args = (f"at {n:,} of {total:,} items of {self._path.name}",)
                    raise
        return scores

    def _drafts(self, missing: Set[int]) -> Iterator[_Draft]:
        """Yield what is to be done: plans that were begun first, then what no plan has."""
        rest = dict.fromkeys(place for place in self._setup.places if place in missing)
        for saved in self._measurement.open_plans():
            self._require_places(saved)
            # An imported plan may have items that another one has too.
            left = rest.keys() & set(saved.items)
            if left:
                yield self._draft(saved.items, saved, left)
            for place in left:
                del rest[place]
        if rest:
            yield self._draft(list(rest), None, missing)

    def _require_places(self, saved: SavedPlan) -> None:
        if max(saved.items) >= self._setup.data.n_total:
            number = self._measurement.number
            raise StoreError(
                f"run {number} of the store has a plan for item {max(saved.items)} of data with "
                f"{self._setup.data.n_total} items; edgeval runs delete {number} removes it"
            )

    def _draft(self, places: Sequence[int], saved: SavedPlan | None, missing: Set[int]) -> _Draft:
        choices = [
            self._setup.protocol.requests(self._setup.item_at(place), self._vocabulary)
            for place in places
        ]
        batch_tokens = _batch_tokens(self._setup, self._vocabulary.file_type)
        whole = plan([request for each in choices for request in each], batch_tokens)
        of_place = (place for place, each in zip(places, choices, strict=True) for _ in each)
        needed = [index for index, place in enumerate(of_place) if place in missing]
        settings = settings_for(whole, self._vocabulary.file_type, self._setup.threads)
        return _Draft(places, saved, choices, whole, whole.only(needed), settings)

    def _require_memory(self, settings: llama.SessionSettings) -> None:
        # Where a GPU computes, the weights go to its own memory.
        if self._setup.backend != "cuda" and not self._setup.options.force:
            sessions = n_sessions(self._setup.backend)
            need = memory.estimate(self._vocabulary, settings, sessions)
            memory.require(need, self._path.name)

    def _new_scores(
        self, drafts: Sequence[_Draft], model: llama.Model
    ) -> Generator[tuple[int, ItemScore], None, None]:
        for draft in drafts:
            yield from self._carry_out(draft, model)

    def _carry_out(self, draft: _Draft, model: llama.Model) -> Iterator[tuple[int, ItemScore]]:
        """Score what a draft has to do, and yield places and scores as they are complete."""
        facts = PlanFacts(
            file_type=model.file_type,
            n_params=model.n_params,
            tensor_bytes=model.tensor_bytes,
            lower_bound=draft.plan.lower_bound,
            n_batch=draft.settings.n_batch,
            n_ubatch=draft.settings.n_ubatch,
            n_total=self._setup.data.n_total,
            model=model_facts(self._path, self._setup.checkpoint),
        )
        saved = draft.saved or self._measurement.add_plan(draft.places, facts, device.describe())
        items = [self._setup.item_at(place) for place in draft.places]
        work = Work()
        unsaved: dict[int, ItemScore] = {}
        last = time.perf_counter()
        try:
            for batch in score_items(model, items, draft.choices, draft.todo, draft.settings, work):
                complete = {draft.places[index]: score for index, score in batch.items()}
                unsaved |= complete
                if time.perf_counter() - last > _SAVE_INTERVAL_S:
                    self._measurement.save(saved, unsaved, work.take())
                    unsaved, last = {}, time.perf_counter()
                yield from complete.items()
        finally:
            # Also when it is interrupted: what is complete is kept.
            self._measurement.save(saved, unsaved, work.take())


def _setting(setup: Setup, sha256: str, file_type: str) -> Setting:
    engine, data = setup.engine(), setup.data
    cache_type, flash_attention = attention_of(file_type)
    return Setting(
        scoring_version=SCORING_VERSION,
        gguf_sha256=sha256,
        data_fingerprint=data.fingerprint,
        protocol=setup.protocol.name,
        protocol_version=setup.protocol.version,
        shots=setup.options.shots,
        shot_pool_fingerprint=data.shot_pool.fingerprint if data.shot_pool else None,
        engine=engine.version,
        features=engine.features,
        backend=engine.backend,
        batch_tokens=_batch_tokens(setup, file_type),
        cache_type=cache_type,
        flash_attention=flash_attention,
    )


def _batch_tokens(setup: Setup, file_type: str) -> int:
    return setup.options.batch_tokens or batch_tokens_for(file_type)
