"""BoolQ (Clark et al. 2019): a question that a passage answers with no or yes."""

from __future__ import annotations

from edgeval.tasks.item import Item
from edgeval.tasks.rows import HubRow, Text, index_of
from edgeval.tasks.task import UNGROUPED, Rendering, Task


class BoolQRow(HubRow):
    """A passage, which several questions may share, and one of them without a question mark."""

    idx: str
    passage: Text
    question: Text
    label: int

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is."""
        context = f"{self.passage}\nQuestion: {self.question}?\nAnswer:"
        gold = index_of(self.label, (0, 1))
        return Item(self.idx, UNGROUPED, (context,), ("no", "yes"), gold, source=self.passage)


BOOLQ = Task(
    name="boolq",
    data_name="aps/super_glue",
    data_config="boolq",
    split="validation",
    n_items=3_270,
    shots_split="train",
    row=BoolQRow.model_validate,
    metrics=("acc",),
    source="super_glue/boolq/default.yaml 2.0",
)
