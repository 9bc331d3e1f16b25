"""Plans: items that are scored together, and what is known of their model once they begin."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from edgeval.records import ModelFacts


@dataclass(frozen=True)
class PlanInfo:
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


PLAN_INFO = TypeAdapter(PlanInfo)
"""Makes JSON of facts, and facts of JSON."""
