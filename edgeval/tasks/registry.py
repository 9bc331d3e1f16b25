"""Registry of the tasks by name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pydantic import ValidationError

from edgeval.errors import EdgevalError, closest
from edgeval.system.untrusted import printable
from edgeval.tasks.arc import ARC_CHALLENGE, ARC_EASY
from edgeval.tasks.boolq import BOOLQ
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.mmlu import MMLU
from edgeval.tasks.names import UNNAMED_TASK
from edgeval.tasks.openbookqa import OPENBOOKQA
from edgeval.tasks.piqa import PIQA
from edgeval.tasks.task import Task
from edgeval.tasks.truthfulqa import TRUTHFULQA_MC1
from edgeval.tasks.winogrande import WINOGRANDE

_TABLE_2: Final = (HELLASWAG, OPENBOOKQA, WINOGRANDE, ARC_CHALLENGE, ARC_EASY, BOOLQ, PIQA)

TASKS: Final[dict[str, Task]] = {task.name: task for task in (*_TABLE_2, MMLU, TRUTHFULQA_MC1)}

GROUPS: Final[dict[str, tuple[str, ...]]] = {"table2": tuple(task.name for task in _TABLE_2)}
"""Tasks that are run together: ``table2`` are those of TinyLlama's Table 2 (Zhang et al. 2024), in
its order."""

WRITTEN: Final = (
    *("gsm8k", "humaneval", "mbpp", "ifeval", "drop", "bbh", "triviaqa", "nq_open", "squadv2"),
    *("coqa", "math", "minerva_math", "hendrycks_math", "aime24", "aime25", "mmlu_pro", "mt_bench"),
    *("truthfulqa_gen", "longbench", "livecodebench"),
)
"""Benchmarks that judge what a model writes, which no log-probabilities of given choices tell."""


def task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        EdgevalError: If there is none.
    """
    if name not in TASKS:
        raise _unknown(name, TASKS)
    return TASKS[name]


def tasks_of(names: str) -> tuple[Task, ...]:
    """Return the tasks that are named, each once, in the order of the names.

    Args:
        names: Names of tasks and of groups, with commas between them.

    Raises:
        EdgevalError: If a name is of neither, or there is none.
    """
    found: dict[str, Task] = {}
    for name in filter(None, (each.strip() for each in names.split(","))):
        if name not in (*TASKS, *GROUPS):
            raise _unknown(name, (*TASKS, *GROUPS))
        found |= {each: TASKS[each] for each in GROUPS.get(name, (name,))}
    if not found:
        raise EdgevalError(f"no task is named; edgeval has {', '.join((*TASKS, *GROUPS))}")
    return tuple(found.values())


def readers_of(row: object) -> list[str]:
    """Return the names of the tasks that a row in the hub's schema is an item of."""
    return [task.name for task in TASKS.values() if _reads(task, row)]


def in_key(name: str) -> str | None:
    """Return what keys of scores call a task: nothing where they named none before."""
    return None if name == UNNAMED_TASK else name


def of_key(name: str | None) -> str:
    """Return the name of the task that a key of scores is of."""
    return UNNAMED_TASK if name is None else name


def _reads(task: Task, row: object) -> bool:
    try:
        task.row(row)
    except ValidationError:
        return False
    return True


def _unknown(name: str, known: Collection[str]) -> EdgevalError:
    if name.casefold() in WRITTEN:
        return EdgevalError(
            f"task {name} judges what a model writes, and edgeval's tasks what it says of given "
            f"choices; use edgeval lm-eval for it, or one of {', '.join(known)}"
        )
    return EdgevalError(
        f"unknown task '{printable(name, 60)}'{closest(name[:200], known)}; edgeval has "
        f"{', '.join(known)}"
    )
