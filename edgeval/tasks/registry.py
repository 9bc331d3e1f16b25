"""Registry of the tasks by name."""

from __future__ import annotations

from typing import Final

from edgeval.errors import EdgevalError, closest
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.names import UNNAMED_TASK
from edgeval.tasks.task import Task

TASKS: Final[dict[str, Task]] = {task.name: task for task in (HELLASWAG,)}


def task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        EdgevalError: If there is none.
    """
    if name not in TASKS:
        raise EdgevalError(
            f"unknown task {name!r}{closest(name, TASKS)}; edgeval has {', '.join(TASKS)}"
        )
    return TASKS[name]


def in_key(name: str) -> str | None:
    """Return what keys of scores call a task: nothing where they named none before."""
    return None if name == UNNAMED_TASK else name


def of_key(name: str | None) -> str:
    """Return the name of the task that a key of scores is of."""
    return UNNAMED_TASK if name is None else name


def tasks_of(names: str) -> tuple[Task, ...]:
    """Return the tasks that are named, with commas between."""
    return tuple(task(name.strip()) for name in dict.fromkeys(names.split(",")))
