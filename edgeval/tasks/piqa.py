"""PIQA (Bisk et al. 2020): two ways to reach a goal, of which one works."""

from __future__ import annotations

from edgeval.tasks.item import Item
from edgeval.tasks.rows import HubRow, Text, index_of
from edgeval.tasks.task import UNGROUPED, Rendering, Task


class PiqaRow(HubRow):
    """A goal, which several rows may have, and two solutions."""

    goal: Text
    sol1: Text
    sol2: Text
    label: int

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is."""
        context = f"Question: {self.goal}\nAnswer:"
        gold = index_of(self.label, (0, 1))
        return Item("", UNGROUPED, (context,), (self.sol1, self.sol2), gold, source=self.goal)


PIQA = Task(
    name="piqa",
    data_name="baber/piqa",
    split="validation",
    n_items=1_838,
    shots_split="train",
    row=PiqaRow.model_validate,
    source="piqa/piqa.yaml 1.0",
)
