"""What one GGUF says about the items: from the store, and of the model where that has nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval import device, llama, memory, metrics
from edgeval.drafts import Draft, batch_tokens, drafts
from edgeval.identity import model_facts
from edgeval.looks import Looks, MakeSketches, Sketches
from edgeval.origin import imatrix_info
from edgeval.plan import Work
from edgeval.progress import NoProgress, Progress
from edgeval.records import Divergence, ModelRun
from edgeval.score import (
    SCORING_VERSION,
    ItemResult,
    attention_of,
    n_sessions,
    score_items,
)
from edgeval.setup import Setup
from edgeval.store import Measurement, PlanFacts, Setting, Store
from edgeval.tasks import ItemScore

__all__ = ["MakeSketches", "Measured", "Sketches", "evaluate_file"]

_SAVE_INTERVAL_S = 1.0
"""Scores are saved this often, or after each batch where that takes longer."""


@dataclass(frozen=True)
class Measured:
    """What one GGUF says about the items.

    Attributes:
        run: What was measured, in sum.
        scores: The scores in the order of the items.
        sketches: Its distributions in short, if they were wanted.
        divergence: How far its distributions are from a reference's, if that was wanted.
    """

    run: ModelRun
    scores: list[ItemScore]
    sketches: Sketches | None = None
    divergence: Divergence | None = None


def evaluate_file(
    path: Path,
    setup: Setup,
    store: Store | None = None,
    *,
    wanted: MakeSketches | Sketches | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Score every item of the setup with one GGUF.

    What the store holds of the same setting is taken from it; what is computed is added to it.

    Args:
        path: The GGUF.
        setup: What is evaluated and how.
        store: Where scores are kept; None for nowhere.
        wanted: What more is wanted: sketches of some items, or the divergence from those of a
            reference. Scores are the same with it and without.
        progress: Where to show progress.

    Raises:
        EdgevalError: If the file cannot be evaluated, does not fit in memory, or has other tokens
            than the reference.
    """
    if store is None:
        with Store(None) as nowhere:
            return evaluate_file(path, setup, nowhere, wanted=wanted, progress=progress)
    sha256 = store.sha256(path)
    with llama.Vocabulary(path) as vocabulary:
        setting = _setting(setup, sha256, vocabulary)
        with store.measurement(
            setting,
            file=path.name,
            data=setup.data.name,
            fresh=setup.options.fresh,
            progress=progress,
        ) as measurement:
            looks = Looks(wanted, setup.places, measurement, sha256)
            bars = progress or NoProgress()
            scoring = _Scoring(path, setup, vocabulary, measurement, looks, bars)
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
    return Measured(run, in_order, looks.sketches(), looks.divergence())


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
    ) -> None:
        self._path = path
        self._setup = setup
        self._vocabulary = vocabulary
        self._measurement = measurement
        self._looks = looks
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
        again = self._looks.missing().keys() - missing
        if again:
            self._progress.log(f"{self._path.name}: decoding {len(again):,} of them once more")
        if not missing and not again:
            return scores
        todo = list(drafts(self._setup, self._vocabulary, self._measurement, missing, again))
        for draft in todo:
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
                contextlib.closing(self._new_scores(todo, model)) as new_scores,
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

    def _require_memory(self, settings: llama.SessionSettings) -> None:
        # Where a GPU computes, the weights go to its own memory.
        if self._setup.backend != "cuda" and not self._setup.options.force:
            sessions = n_sessions(self._setup.backend)
            need = memory.estimate(self._vocabulary, settings, sessions)
            memory.require(need, self._path.name)

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
            model=model_facts(self._path, self._setup.checkpoint),
        )
        saved = draft.saved or self._measurement.add_plan(draft.places, facts, device.describe())
        items = [self._setup.item_at(place) for place in draft.places]
        missing = self._looks.missing()
        closer = {i: missing[place] for i, place in enumerate(draft.places) if place in missing}
        work = Work()
        unsaved: dict[int, ItemResult] = {}
        last = time.perf_counter()
        try:
            for batch in score_items(
                model, items, draft.choices, draft.todo, draft.settings, work, closer
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


def _setting(setup: Setup, sha256: str, vocabulary: llama.Vocabulary) -> Setting:
    engine, data = setup.engine(), setup.data
    cache_type, flash_attention = attention_of(vocabulary.file_type)
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
        batch_tokens=batch_tokens(setup, vocabulary),
        cache_type=cache_type,
        flash_attention=flash_attention,
    )
