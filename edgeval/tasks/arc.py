"""ARC (Clark et al. 2018): questions of science at school, of three to five choices."""

from __future__ import annotations

from edgeval.tasks.item import Item
from edgeval.tasks.rows import HubRow, LabelledChoices, Text, index_of
from edgeval.tasks.task import UNGROUPED, Rendering, Task


class ArcRow(HubRow):
    """A question, and its choices, whose labels are letters or numbers."""

    id: str
    question: Text
    choices: LabelledChoices
    answerKey: str  # noqa: N815

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is."""
        context = f"Question: {self.question}\nAnswer:"
        gold = index_of(self.answerKey, self.choices.label)
        return Item(self.id, UNGROUPED, (context,), self.choices.text, gold)


ARC_EASY, ARC_CHALLENGE = (
    Task(
        name=name,
        data_name="allenai/ai2_arc",
        data_config=config,
        split="test",
        n_items=n_items,
        shots_split="train",
        sampler="any",
        row=ArcRow.model_validate,
        source=f"arc/{name}.yaml 1.0",
    )
    for name, config, n_items in (
        ("arc_easy", "ARC-Easy", 2_376),
        ("arc_challenge", "ARC-Challenge", 1_172),
    )
)
