"""Jobs: items scored together, the unit of work and of resuming."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from edgeval.engine import EngineJob
from edgeval.errors import StoreError
from edgeval.evaluation.setup import EvalSetup, ModelSetup
from edgeval.stats.top_logprobs import TopLogprobs
from edgeval.store.plans import StoredPlan
from edgeval.store.stored_run import StoredRun


@dataclass(frozen=True)
class ScoringJob:
    """Items that are scored together.

    Attributes:
        indices: Their indices in the data set.
        todo: Those of them that are missing, or looked at closer.
        saved: The plan in the store, if it was begun before.
    """

    indices: Sequence[int]
    todo: Set[int]
    saved: StoredPlan | None = None

    def for_engine(
        self,
        model: ModelSetup,
        closer: Mapping[int, TopLogprobs | None] | None = None,
        title: str = "",
    ) -> EngineJob:
        """Return what the engine is asked to do for it.

        Args:
            model: The model, and how it is computed.
            closer: Items that are looked at closer, by their indices.
            title: What it is called where memory is short; by default the file's name.
        """
        setup, gguf, wanted = model.evaluation, model.gguf, closer or {}
        return EngineJob(
            path=gguf.path,
            protocol=setup.protocol.name,
            items=[setup.item_at(index) for index in self.indices],
            todo=[at for at, index in enumerate(self.indices) if index in self.todo],
            closer={at: wanted[index] for at, index in enumerate(self.indices) if index in wanted},
            placement=model.placement,
            threads=setup.threads,
            kernels=model.kernels.kernels,
            is_forced=setup.options.force,
            title=title or gguf.path.name,
            pre=gguf.pre,
        )


def open_jobs(
    setup: EvalSetup,
    stored_run: StoredRun,
    indices: Sequence[int],
    missing: Set[int],
    again: Set[int],
    *,
    is_block: bool = False,
) -> Iterator[ScoringJob]:
    """Yield what is to be done: plans that were begun first, then what no plan has.

    Items that have a score and are looked at closer now are decoded in the batches that they were
    scored in: what is seen is what would have been seen then.

    Args:
        setup: What is evaluated and how.
        stored_run: What the store has of it.
        indices: The items that are evaluated, in their order.
        missing: Items without a score, by their indices.
        again: Items with one that are looked at closer.
        is_block: Whether these items are a block of others, which other plans are not for.

    Raises:
        StoreError: If a plan in the store is of other data.
    """
    todo = missing | again
    rest = dict.fromkeys(index for index in indices if index in todo)
    for saved in stored_run.open_plans(again):
        if max(saved.items) >= setup.data.n_total:
            number = stored_run.number
            raise StoreError(
                f"run {number} of the store has a plan for item {max(saved.items)} of data with "
                f"{setup.data.n_total} items; edgeval runs delete {number} removes it"
            )
        if is_block and not set(saved.items) <= set(indices):
            continue
        # An imported plan may have items that another one has too.
        left = rest.keys() & set(saved.items)
        if left:
            yield ScoringJob(saved.items, left, saved)
        for index in left:
            del rest[index]
    if rest:
        yield ScoringJob(list(rest), rest.keys())
