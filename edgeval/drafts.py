"""What is still to be decoded for some items: the batches that were begun, and new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from edgeval import llama
from edgeval.errors import StoreError
from edgeval.plan import Plan, Request, plan
from edgeval.score import settings_for
from edgeval.setup import Setup
from edgeval.store import Measurement, SavedPlan


@dataclass(frozen=True)
class Draft:
    """Items that are scored together, and how.

    Attributes:
        places: Their places in the data set.
        saved: The plan in the store, if it was begun before.
        choices: For each item, the requests of its choices.
        plan: All batches of these items.
        todo: Those of them that score an item which is missing, or looked at closer.
        settings: How the model is run.
    """

    places: Sequence[int]
    saved: SavedPlan | None
    choices: Sequence[Sequence[Request]]
    plan: Plan
    todo: Plan
    settings: llama.SessionSettings


def drafts(
    setup: Setup,
    vocabulary: llama.Vocabulary,
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
        vocabulary: That of the GGUF.
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
            yield draft(setup, vocabulary, saved.items, left, saved)
        for place in left:
            del rest[place]
    if rest:
        yield draft(setup, vocabulary, list(rest), rest.keys())


def draft(
    setup: Setup,
    vocabulary: llama.Vocabulary,
    places: Sequence[int],
    todo: Set[int],
    saved: SavedPlan | None = None,
) -> Draft:
    """Return how items are scored together.

    Args:
        setup: What is evaluated and how.
        vocabulary: That of the GGUF.
        places: The items, by their places in the data set.
        todo: Those of them that are to be scored.
        saved: The plan in the store, if it was begun before.
    """
    choices = [setup.protocol.requests(setup.item_at(place), vocabulary) for place in places]
    placement = setup.placement(vocabulary)
    whole = plan([request for each in choices for request in each], placement.batch_tokens)
    of_place = (place for place, each in zip(places, choices, strict=True) for _ in each)
    needed = [index for index, place in enumerate(of_place) if place in todo]
    settings = settings_for(whole, vocabulary.file_type, setup.threads, placement.ubatch_tokens)
    return Draft(places, saved, choices, whole, whole.only(needed), settings)
