"""Rows in the schema of the hub's data sets: what those of all tasks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgeval.errors import listed
from edgeval.tasks.task import Row

Text = Annotated[str, Field(pattern=r"\S")]
"""A text that has some."""

Texts = Annotated[tuple[Text, ...], Field(min_length=2)]
"""Choices, of which there are two or more."""

_CONFIG: Final = ConfigDict(
    extra="ignore",
    frozen=True,
    coerce_numbers_to_str=True,
    # Who lists the tasks reads no rows.
    defer_build=True,
)


class HubRow(Row, BaseModel):
    """One row, of which an item can be made; fields that its task does not need are ignored."""

    model_config = _CONFIG

    @property
    def content(self) -> Sequence[str | int]:
        """The item, whose texts are not cleaned."""
        item = self.item("lm-eval")
        return [item.id, item.group, *item.contexts, *item.choices, item.gold]

    @model_validator(mode="after")
    def _makes_an_item(self) -> HubRow:
        self.item("lm-eval")
        return self


class LabelledChoices(BaseModel):
    """Choices with their labels, such as A to D or 1 to 4."""

    model_config = _CONFIG

    text: Texts
    label: tuple[str, ...]

    @model_validator(mode="after")
    def _is_labelled(self) -> LabelledChoices:
        if len(self.label) != len(self.text) or len({*self.label}) != len(self.label):
            raise ValueError(
                f"{len(self.text)} choices are labelled {listed(self.label)}; give each a label of "
                "its own, or correct it"
            )
        return self


def index_of(label: object, labels: Sequence[object]) -> int:
    """Return which of the labels of an item's choices is that of the right one.

    Raises:
        ValueError: If none is, as in a split whose answers are not published.
    """
    if label in labels:
        return labels.index(label)
    require_label(label)
    known = ", ".join(map(str, labels))
    raise ValueError(f"label is {label!r:.60}, and those of the choices are {known}; correct it")


def require_label(label: object) -> None:
    """Refuse the label of an item that does not say which choice is right.

    Raises:
        ValueError: If it is empty or -1.
    """
    if str(label).strip() in ("", "-1"):
        raise ValueError(
            f"label is {label!r}, as in a test split whose answers are not published; use a "
            "split that has them, or correct it"
        )
