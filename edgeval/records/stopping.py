"""Stopping: when and why an evaluation stopped early, and what was known on the way."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from edgeval.records.base import MOST_ITEMS, Record

_MOST_LOOKS = 1000


class InterimLook(Record):
    """What was known at one step of an evaluation that stopped early.

    Attributes:
        n_items: Number of items so far.
        value_points: The estimate of what was to be found out: an accuracy, or a difference.
        low_points: Lower end of its interval, which is valid at every look.
        high_points: Its upper end.
    """

    n_items: int = Field(ge=1, le=MOST_ITEMS)
    value_points: float = Field(ge=-100, le=100)
    low_points: float
    high_points: float


class Stopping(Record):
    """When and why an evaluation stopped.

    Attributes:
        points: The margin in points that was asked for.
        is_decided: Whether it stopped because what was asked is decided, not for want of items.
        design: How its items were drawn: in ``random order``, or ``weighted`` by what the
            reference's margins say they can tell.
        n_items: Number of items evaluated.
        n_compared: Number of types whose intervals hold together; 1 where each holds by itself.
        looks: What was known on the way, for some numbers of items and the last; left out in
            records of an older edgeval.
    """

    points: float
    is_decided: bool
    design: Literal["random order", "weighted"]
    n_items: int
    n_compared: int = Field(default=1, ge=1)
    looks: list[InterimLook] = Field(default_factory=list, max_length=_MOST_LOOKS)

    @model_serializer(mode="wrap")
    def _as_older_ones(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no looks where there are none."""
        content: dict[str, Any] = handler(self)
        if not self.looks:
            content.pop("looks", None)
        return content
