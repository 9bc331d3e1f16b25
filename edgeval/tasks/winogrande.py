"""WinoGrande (Sakaguchi et al. 2021): a blank that two names may fill.

What follows the blank is scored after each, as partial evaluation (Trinh and Le 2018) does.
"""

from __future__ import annotations

from edgeval.tasks.item import Item
from edgeval.tasks.rows import HubRow, Text, index_of
from edgeval.tasks.task import UNGROUPED, Rendering, Task


class WinoGrandeRow(HubRow):
    """A sentence with a blank, and what may stand there."""

    sentence: str
    option1: Text
    option2: Text
    answer: str

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is.

        Raises:
            ValueError: If it has no blank, or nothing follows it.
        """
        before, blank, after = self.sentence.partition("_")
        if not blank or not after.strip():
            raise ValueError("its sentence has no blank '_' with text behind it; correct it")
        contexts = f"{before}{self.option1}", f"{before}{self.option2}"
        gold = index_of(self.answer, ("1", "2"))
        return Item("", UNGROUPED, contexts, (after.strip(),), gold)


WINOGRANDE = Task(
    name="winogrande",
    data_name="allenai/winogrande",
    data_config="winogrande_xl",
    split="validation",
    n_items=1_267,
    shots_split="train",
    row=WinoGrandeRow.model_validate,
    metrics=("acc",),
    source="winogrande/default.yaml 1.0",
)
