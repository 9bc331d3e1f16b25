"""Rows of each task: their renderings by hand, and what is said of damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import DataError
from edgeval.tasks.item import Item
from edgeval.tasks.registry import TASKS
from edgeval.tasks.task import Task
from edgeval.tasks.truthfulqa import PRIMER
from tests.helpers.paths import TASK_ITEMS
from tests.helpers.tiny import write_items

CHOICES = {"text": ["a cup", "a  bowl", "\u00e9t\u00e9"], "label": ["1", "2", "3"]}
ABOUT = "The following are multiple choice questions (with answers) about high school biology.\n\n"
ROWS: dict[str, dict[str, Any]] = {
    "openbookqa": {"id": "7-1", "question_stem": "It is ", "choices": CHOICES, "answerKey": " 3"},
    "winogrande": {
        "sentence": "The cup hit the bowl, and the _ broke.  ",
        "option1": "cup",
        "option2": "bowl",
        "answer": "2",
    },
    "arc_easy": {"id": "M_1", "question": "What is it?", "choices": CHOICES, "answerKey": "2"},
    "boolq": {"idx": 5, "passage": "A cup.", "question": "is it a cup", "label": 1},
    "piqa": {"goal": "Drink", "sol1": "from a cup", "sol2": "from a key", "label": 0},
    "mmlu": {
        "question": " What is alive?\n",
        "subject": "high_school_biology",
        "choices": ["a cup", "a fern", "", "salt"],
        "answer": 1,
    },
    "truthfulqa_mc1": {
        "question": "Is it?",
        "mc1_targets": {"choices": ["No", "Yes"], "labels": [1, 0]},
    },
}
EXPECTED = {
    "openbookqa": Item("7-1", "all", ("It is ",), ("a cup", "a  bowl", "\u00e9t\u00e9"), 2),
    "winogrande": Item(
        "0",
        "all",
        ("The cup hit the bowl, and the cup", "The cup hit the bowl, and the bowl"),
        ("broke.",),
        1,
    ),
    "arc_easy": Item(
        "M_1",
        "all",
        ("Question: What is it?\nAnswer:",),
        ("a cup", "a  bowl", "\u00e9t\u00e9"),
        1,
    ),
    "boolq": Item(
        *("5", "all", ("A cup.\nQuestion: is it a cup?\nAnswer:",), ("no", "yes"), 1, "A cup.")
    ),
    "piqa": Item(
        *("0", "all", ("Question: Drink\nAnswer:",), ("from a cup", "from a key"), 0, "Drink")
    ),
    "mmlu": Item(
        "0",
        "high_school_biology",
        (f"{ABOUT}What is alive?\nA. a cup\nB. a fern\nC. \nD. salt\nAnswer:",),
        ("A", "B", "C", "D"),
        1,
        description=ABOUT,
    ),
    "truthfulqa_mc1": Item("0", "all", (f"{PRIMER}Q: Is it?\nA:",), ("No", "Yes"), 0),
}


def load(task: Task, folder: Path, *rows: dict[str, Any]) -> list[Item]:
    return task.load(write_items(folder / "rows.jsonl", list(rows))).items("lm-eval")


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_rendered_as_by_hand(name: str, tmp_path: Path) -> None:
    assert load(TASKS[name], tmp_path, ROWS[name]) == [EXPECTED[name]]


def test_items_of_data_without_ids_are_called_by_their_index(tmp_path: Path) -> None:
    items = load(TASKS["piqa"], tmp_path, ROWS["piqa"], ROWS["piqa"], ROWS["piqa"])
    assert [item.id for item in items] == ["0", "1", "2"]


def changed(name: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    return name, ROWS[name] | changes


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (changed("winogrande", sentence="No blank."), "its sentence has no blank '_' with text"),
        (changed("winogrande", sentence="Nothing follows _ "), "its sentence has no blank '_'"),
        (changed("winogrande", answer="3"), "label is '3', and those of the choices are 1, 2"),
        (changed("winogrande", answer=""), "label is '', as in a test split"),
        (changed("arc_easy", answerKey="D"), "label is 'D', and those of the choices are 1, 2, 3"),
        (changed("openbookqa", answerKey=""), "label is '', as in a test split"),
        (
            changed("arc_easy", choices={"text": ["a", "b"], "label": ["A", "A"]}),
            "2 choices are labelled A and A; give each a label of its own",
        ),
        (
            changed("arc_easy", choices={"text": ["a"], "label": ["A"]}),
            "choices.text is .*at least 2",
        ),
        (changed("boolq", label=-1), "label is -1, as in a test split"),
        (changed("boolq", label=2), "label is 2, and those of the choices are 0, 1"),
        (changed("piqa", label=-1), "label is -1, as in a test split"),
        (changed("piqa", sol2=" "), "sol2 is ' '"),
        (changed("mmlu", answer=4), "label is 4, and those of the choices are 0, 1, 2, 3"),
        (changed("mmlu", choices=["a", "b", "c"]), "choices.3 is .*required"),
        (
            changed("truthfulqa_mc1", mc1_targets={"choices": ["No", "Yes"], "labels": [0, 1]}),
            "its labels are not 1 for the first answer and 0 for the others",
        ),
    ],
)
def test_a_damaged_row_is_named_with_what_is_wrong(
    row: tuple[str, dict[str, Any]], words: str, tmp_path: Path
) -> None:
    name, damaged = row
    with pytest.raises(DataError, match=rf"rows\.jsonl line 2: {words}.*correct it$") as caught:
        load(TASKS[name], tmp_path, ROWS[name], damaged)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("other", ["hellaswag", *ROWS])
def test_a_file_of_another_task_is_named(name: str, other: str) -> None:
    path = TASK_ITEMS / f"{other}.jsonl"
    if TASKS[name].row == TASKS[other].row:
        assert TASKS[name].load(path).rows
        return
    with pytest.raises(DataError) as caught:
        TASKS[name].load(path)
    readers = " or ".join(each.name for each in TASKS.values() if each.row == TASKS[other].row)
    assert str(caught.value) == (
        f"{path} line 1 is an item of {readers}, not of {name}; use --task {readers}, or name a "
        f"file of {name}"
    )
