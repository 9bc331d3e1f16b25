"""What is still to be decoded for some items: the batches that were begun, and new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from edgeval import llama
from edgeval.engine import ScoringJob
from edgeval.errors import StoreError
from edgeval.evaluation.setup import Setup
from edgeval.stats.top_logprobs import Sketch
from edgeval.store.plans import SavedPlan
from edgeval.store.stored_run import Measurement


@dataclass(frozen=True)
class Draft:
    """Items that are scored together.

    Attributes:
        places: Their places in the data set.
        todo: Those of them that are missing, or looked at closer.
        saved: The plan in the store, if it was begun before.
    """

    places: Sequence[int]
    todo: Set[int]
    saved: SavedPlan | None = None

    def job(
        self,
        setup: Setup,
        gguf: llama.GgufInfo,
        closer: Mapping[int, Sketch | None] | None = None,
        title: str = "",
    ) -> ScoringJob:
        """Return what is to be done for it.

        Args:
            setup: What is evaluated and how.
            gguf: The model.
            closer: Items that are looked at closer, by their places.
            title: What it is called where memory is short; by default the file's name.
        """
        wanted = closer or {}
        return ScoringJob(
            path=gguf.path,
            protocol=setup.protocol.name,
            items=[setup.item_at(place) for place in self.places],
            todo=[index for index, place in enumerate(self.places) if place in self.todo],
            closer={
                index: wanted[place] for index, place in enumerate(self.places) if place in wanted
            },
            placement=setup.placement(gguf),
            threads=setup.threads,
            kernels=setup.kernels(gguf).kernels,
            is_forced=setup.options.force,
            title=title or gguf.path.name,
            pre=gguf.pre,
        )


def drafts(
    setup: Setup,
    measurement: Measurement,
    places: Sequence[int],
    missing: Set[int],
    again: Set[int],
    *,
    is_block: bool = False,
) -> Iterator[Draft]:
    """Yield what is to be done: plans that were begun first, then what no plan has.

    Items that have a score and are looked at closer now are decoded in the batches that they were
    scored in: what is seen is what would have been seen then.

    Args:
        setup: What is evaluated and how.
        measurement: What the store has of it.
        places: The items that are evaluated, in their order.
        missing: Items without a score, by their places in the data set.
        again: Items with one that are looked at closer.
        is_block: Whether these items are a block of others, which other plans are not for.

    Raises:
        StoreError: If a plan in the store is of other data.
    """
    todo = missing | again
    rest = dict.fromkeys(place for place in places if place in todo)
    for saved in measurement.open_plans(again):
        if max(saved.items) >= setup.data.n_total:
            number = measurement.number
            raise StoreError(
                f"run {number} of the store has a plan for item {max(saved.items)} of data with "
                f"{setup.data.n_total} items; edgeval runs delete {number} removes it"
            )
        if is_block and not set(saved.items) <= set(places):
            continue
        # An imported plan may have items that another one has too.
        left = rest.keys() & set(saved.items)
        if left:
            yield Draft(saved.items, left, saved)
        for place in left:
            del rest[place]
    if rest:
        yield Draft(list(rest), rest.keys())
