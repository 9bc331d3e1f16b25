"""Items that are scored together, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from edgeval.plan import Work
from edgeval.records import Device, ModelFacts


@dataclass(frozen=True)
class PlanFacts:
    """What is known of a plan and its model once it begins.

    Attributes:
        file_type: llama.cpp's name for how the model is quantized.
        n_params: Number of the model's parameters.
        tensor_bytes: Bytes of its tensors.
        lower_bound: Tokens that one unlimited batch would decode.
        n_batch: Most tokens in one batch.
        n_ubatch: Most tokens computed at once.
        n_total: Items in the data set; None in plans of an edgeval that did not keep it.
        model: What else is known of the model; None in the same plans.
    """

    file_type: str
    n_params: int
    tensor_bytes: int
    lower_bound: int
    n_batch: int
    n_ubatch: int
    n_total: int | None = None
    model: ModelFacts | None = None


PLAN_FACTS = TypeAdapter(PlanFacts)
"""Makes JSON of facts, and facts of JSON."""


@dataclass(frozen=True)
class SavedPlan:
    """Items that are, or were to be, scored together.

    The same items in the same order make the same batches: a plan that was interrupted is gone on
    with, so that its scores are those of one that was not.

    Attributes:
        id: Its number in the store.
        items: Places of the items in the data set, in the order of the plan.
    """

    id: int
    items: tuple[int, ...]


@dataclass(frozen=True)
class PlanRow:
    """A plan, and what it has taken so far.

    Attributes:
        plan: Its number and items.
        facts: What is known of it.
        device: The machine that began it; others may have gone on with it.
        work: What it has taken, whoever carried it out.
    """

    plan: SavedPlan
    facts: PlanFacts
    device: Device
    work: Work
