"""Lists of tasks and groups, and what is said of names that are neither."""

from __future__ import annotations

import pytest

from edgeval.errors import EdgevalError
from edgeval.evaluation.options import Options
from edgeval.tasks.registry import GROUPS, TASKS, WRITTEN, tasks_of

TABLE_2 = ("hellaswag", "openbookqa", "winogrande", "arc_challenge", "arc_easy", "boolq", "piqa")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("piqa", ("piqa",)),
        ("arc_easy,piqa", ("arc_easy", "piqa")),
        (" piqa , arc_easy,, piqa", ("piqa", "arc_easy")),
        ("table2", TABLE_2),
        ("boolq,table2,mmlu", ("boolq", *(name for name in TABLE_2 if name != "boolq"), "mmlu")),
    ],
)
def test_names_and_groups_are_tasks_each_once(text: str, names: tuple[str, ...]) -> None:
    assert tuple(task.name for task in tasks_of(text)) == names


def test_the_group_has_the_columns_of_the_table_in_its_order() -> None:
    assert GROUPS == {"table2": TABLE_2}
    assert sum(TASKS[name].n_items for name in TABLE_2) == 20_465
    assert {name: task.n_items for name, task in TASKS.items() if name not in TABLE_2} == {
        "mmlu": 14_042,
        "truthfulqa_mc1": 817,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "arc_easy,piqqa",
            r"^unknown task 'piqqa' \(did you mean 'piqa'\?\); edgeval has .*table2$",
        ),
        ("table3", r"^unknown task 'table3' \(did you mean 'table2'\?\)"),
        ("x" * 500, r"^unknown task 'x{1,60}…'; edgeval has"),
        (" ,", r"^no task is named; edgeval has"),
        ("gsm8k", r"^task gsm8k judges what a model writes, and edgeval's tasks what it says of"),
        ("piqa,HumanEval", r"^task HumanEval judges what a model writes"),
    ],
)
def test_what_is_no_task_is_refused(text: str, words: str) -> None:
    with pytest.raises(EdgevalError, match=words):
        tasks_of(text)


def test_no_task_is_called_one_that_is_written() -> None:
    assert not {*WRITTEN} & {*TASKS, *GROUPS}


@pytest.mark.parametrize("name", TASKS)
def test_only_a_task_with_a_split_of_solved_items_has_shots(name: str) -> None:
    options = Options(task=name, shots=2)
    if TASKS[name].shots_split is not None:
        options.require_usable()
        return
    with pytest.raises(EdgevalError, match=rf"^task {name} has no shots: .*; leave out --shots$"):
        options.require_usable()
