"""OpenBookQA (Mihaylov et al. 2018): four ends of a sentence; the fact is not shown."""

from __future__ import annotations

from edgeval.tasks.item import Item
from edgeval.tasks.rows import HubRow, LabelledChoices, Text, index_of
from edgeval.tasks.task import UNGROUPED, Rendering, Task


class OpenBookQaRow(HubRow):
    """A stem, whose last space stays where it is, and its ends."""

    id: str
    question_stem: Text
    choices: LabelledChoices
    answerKey: str  # noqa: N815

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is."""
        gold = index_of(self.answerKey.lstrip(), self.choices.label)
        return Item(self.id, UNGROUPED, (self.question_stem,), self.choices.text, gold)


OPENBOOKQA = Task(
    name="openbookqa",
    data_name="allenai/openbookqa",
    data_config="main",
    split="test",
    n_items=500,
    shots_split="train",
    sampler="any",
    row=OpenBookQaRow.model_validate,
    source="openbookqa/openbookqa.yaml 1.0",
)
