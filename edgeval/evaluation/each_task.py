"""Each task of a run: its options, with its own files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgeval.errors import DataError, EdgevalError, listed
from edgeval.evaluation.options import Options
from edgeval.tasks import registry
from edgeval.tasks.task import Task

_SHOTS = ".shots"


def options_of_each(options: Options) -> list[Options]:
    """Return the options of each task that is named, in its order.

    Of several tasks ``data`` is a folder that holds a file a task, which is named like it:
    ``piqa.jsonl``. So is ``shots_data``, whose files may be named ``piqa.shots.jsonl`` too.

    Raises:
        EdgevalError: If a task is unknown, or a folder lacks the file of one.
    """
    tasks = registry.tasks_of(options.task)
    if len(tasks) == 1:
        return [replace(options, task=tasks[0].name)]
    return [
        replace(
            options,
            task=task.name,
            data=_file_of(task, options.data, "--data", [task.name]),
            shots_data=_file_of(
                task, options.shots_data, "--shots-data", [f"{task.name}{_SHOTS}", task.name]
            ),
        )
        for task in tasks
    ]


def require_one_task(options: Options, doing: str) -> None:
    """Refuse several tasks where one is evaluated at a time.

    Args:
        options: The options.
        doing: What does so: ``edgeval eval``.

    Raises:
        EdgevalError: If several are named, or one is unknown.
    """
    names = [task.name for task in registry.tasks_of(options.task)]
    if len(names) > 1:
        raise EdgevalError(
            f"{doing} evaluates one task, and --task names {listed(names)}; name one, or use "
            "edgeval run for all"
        )


def _file_of(task: Task, folder: Path | None, option: str, stems: Sequence[str]) -> Path | None:
    """Return the file of a task in a folder; None where no folder is given."""
    if folder is None:
        return None
    wanted = " or ".join(f"{stem}{task.suffixes[0]}" for stem in stems)
    if folder.is_file():
        raise DataError(
            f"{folder} is one file, and several tasks are evaluated; give {option} a folder with "
            f"{wanted} and one for each other task"
        )
    for stem in stems:
        found = [path for each in task.suffixes if (path := folder / f"{stem}{each}").is_file()]
        if len(found) > 1:
            raise DataError(
                f"{found[0]} and {found[1].name} are both of {task.name}; leave one in the folder"
            )
        if found:
            return found[0]
    raise DataError(
        f"{folder} holds no file of {task.name}; put {wanted} there, or leave {task.name} out of "
        "--task"
    )
