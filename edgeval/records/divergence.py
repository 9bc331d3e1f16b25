"""Divergence of a model's next-token distributions from the reference's."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from edgeval.records.base import Record

Drawn = Literal["random", "file order", "unknown"]
"""How the items were drawn on which distributions are compared: at ``random`` from the split; from
the first of a file (``file order``), which are no sample of it; or in a way that is ``unknown``,
where a reference file has sketches of other items."""

_ROUNDING_NATS = 1e-6
_MOST_RANGES = 100


class MeanDivergence(Record):
    """KL(reference || model) over some scored positions, in sum.

    Of each position the reference's 32 most likely tokens are told apart, and all others are one:
    so ``kl_nats`` is a lower bound of the KL divergence of the whole distributions. What is missing
    is estimated from tokens that were drawn from those others.

    Attributes:
        n_items: Number of items that have such positions.
        n_positions: Number of positions.
        kl_nats: Mean over the positions, in nats; a lower bound.
        kl_error_nats: Its standard error, in nats, clustered by item; None with one item.
        kl_full_nats: The KL divergence of the whole distributions at these positions, in nats: an
            unbiased estimate; None where the reference's sketches have no tokens for it, as those
            of older reference files have not.
        kl_full_error_nats: Its standard error, in nats, clustered by item.
    """

    n_items: int = Field(ge=1)
    n_positions: int = Field(ge=1)
    kl_nats: float
    kl_error_nats: float | None
    kl_full_nats: float | None = None
    kl_full_error_nats: float | None = Field(default=None, ge=0)

    @property
    def best_nats(self) -> float:
        """The estimate of the whole divergence, in nats; its lower bound where there is none."""
        return self.kl_nats if self.kl_full_nats is None else self.kl_full_nats

    @property
    def best_error_nats(self) -> float | None:
        """The standard error of ``best_nats``, in nats; None where it is not known."""
        return self.kl_error_nats if self.kl_full_nats is None else self.kl_full_error_nats


class PositionDivergence(MeanDivergence):
    """That of the positions of one range.

    Attributes:
        first: The first position, counted from 1: a choice's first token.
        last: The last position.
    """

    first: int = Field(ge=1)
    last: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_range(self) -> PositionDivergence:
        if self.last < self.first:
            raise ValueError(f"a range of positions ends at {self.last}, before {self.first}")
        return self


class Divergence(MeanDivergence):
    """KL(reference || model) over all scored positions of some items.

    Attributes:
        top1_agreement: Fraction of positions at which both have the same most likely token.
        remainder_mass: Mean probability that the reference leaves to the tokens that are not told
            apart; None in records of schema 2 and 3.
        kl_upper_nats: An upper estimate of the KL divergence of the whole distributions at these
            positions, in nats: by its formula it is exceeded in 2.5 % of all draws of those tokens.
        drawn: How the items were drawn; None in records of schema 2 and 3.
        by_position: The same by ranges of positions, from the first on; empty in older records.
    """

    top1_agreement: float
    remainder_mass: float | None = Field(default=None, ge=0, le=1)
    kl_upper_nats: float | None = None
    drawn: Drawn | None = None
    by_position: list[PositionDivergence] = Field(default_factory=list, max_length=_MOST_RANGES)

    @model_validator(mode="after")
    def _in_order(self) -> Divergence:
        bounds = [self.kl_nats, self.kl_full_nats, self.kl_upper_nats]
        known = [each for each in bounds if each is not None]
        if any(after < before - _ROUNDING_NATS for before, after in itertools.pairwise(known)):
            raise ValueError("a KL divergence is below its lower bound, or above its upper one")
        return self

    @model_serializer(mode="wrap")
    def _as_older_ones(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no ranges where there are none."""
        content: dict[str, Any] = handler(self)
        if not self.by_position:
            content.pop("by_position", None)
        return content

    @model_validator(mode="after")
    def _in_ranges(self) -> Divergence:
        if not self.by_position:
            return self
        pairs = itertools.pairwise(self.by_position)
        if any(after.first <= before.last for before, after in pairs):
            raise ValueError("the ranges of positions do not ascend")
        if sum(each.n_positions for each in self.by_position) != self.n_positions:
            raise ValueError("the ranges have another number of positions than the divergence")
        total = math.fsum(each.n_positions * each.kl_nats for each in self.by_position)
        if abs(total / self.n_positions - self.kl_nats) > _ROUNDING_NATS * (1 + self.kl_nats):
            raise ValueError("the divergences of the ranges do not give the whole one")
        return self
