"""MMLU (Hendrycks et al. 2021): the letter of an answer, on 57 subjects."""

from __future__ import annotations

from edgeval.tasks.item import Item
from edgeval.tasks.rows import HubRow, Text, index_of
from edgeval.tasks.task import Rendering, Task

LETTERS = ("A", "B", "C", "D")


class MmluRow(HubRow):
    """A question and its four answers; its subject is the group."""

    question: Text
    subject: Text
    choices: tuple[str, str, str, str]
    answer: int

    @property
    def group(self) -> str:
        """The subject."""
        return self.subject

    def item(self, rendering: Rendering) -> Item:
        """Return the item that it is, behind the line on its subject."""
        subject = self.subject.replace("_", " ")
        description = (
            f"The following are multiple choice questions (with answers) about {subject}.\n\n"
        )
        answers = "".join(
            f"{each}. {text}\n" for each, text in zip(LETTERS, self.choices, strict=True)
        )
        context = f"{description}{self.question.strip()}\n{answers}Answer:"
        gold = index_of(self.answer, range(len(LETTERS)))
        return Item("", self.subject, (context,), LETTERS, gold, description=description)


MMLU = Task(
    name="mmlu",
    data_name="cais/mmlu",
    data_config="all",
    split="test",
    n_items=14_042,
    shots_split="dev",
    sampler="first",
    row=MmluRow.model_validate,
    metrics=("acc",),
    source="mmlu/default 1.0, the mean over all items as its group 2 has it",
)
