"""Files of samples: which tasks a file or a folder of results has, and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeval.errors import DataError
from edgeval.system.untrusted import printable

_MAX_ENTRIES: Final = 100_000
_NAME: Final = re.compile(
    r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl", re.DOTALL
)
_ASKED: Final = "name the folder that lm_eval --log_samples --output_path wrote, or a file in it"


@dataclass(frozen=True)
class TaskFile:
    """A file of samples of one task.

    Attributes:
        path: The file.
        task: What its name says of the task; of a file that was renamed, that name.
        date: When the harness wrote it, as its name says; None of a file that was renamed.
    """

    path: Path
    task: str
    date: str | None

    @property
    def results(self) -> Path | None:
        """The file of results that was written with it, whether it is there or not."""
        return None if self.date is None else self.path.with_name(f"results_{self.date}.json")


def task_files(path: Path) -> Sequence[TaskFile]:
    """Return the files of samples that a path is or holds, the newest of each task.

    A folder may be that of a model, or the one that holds it: the harness makes a folder a model.

    Raises:
        DataError: If there are none, or of several models.
    """
    if not path.is_dir():
        return [_task_file(path)]
    found = _newest(path)
    if not found:
        models = {name: files for name in _folders(path) if (files := _newest(path / name))}
        if len(models) > 1:
            named = ", ".join(printable(name, 60) for name in sorted(models)[:5])
            raise DataError(f"{path} has samples of several models ({named}); name one of them")
        found = next(iter(models.values()), {})
    if not found:
        raise DataError(f"{path} holds no samples_TASK_DATE.jsonl; {_ASKED}")
    return [found[task] for task in sorted(found)]


def _task_file(path: Path) -> TaskFile:
    named = _NAME.fullmatch(path.name)
    if named is None:
        return TaskFile(path, path.stem, None)
    return TaskFile(path, named["task"], named["date"])


def _newest(folder: Path) -> Mapping[str, TaskFile]:
    """Return the newest file of each task right in a folder."""
    found: dict[str, TaskFile] = {}
    for name in _entries(folder):
        each = _task_file(folder / name)
        if each.date is None or not each.path.is_file():
            continue
        other = found.get(each.task)
        if other is None or (other.date or "") < each.date:
            found[each.task] = each
    return found


def _folders(folder: Path) -> Iterator[str]:
    return (name for name in _entries(folder) if (folder / name).is_dir())


def _entries(folder: Path) -> list[str]:
    try:
        names = [each.name for each in folder.iterdir()]
    except OSError as error:
        raise DataError(f"cannot read {folder} ({error.strerror}); {_ASKED}") from error
    if len(names) > _MAX_ENTRIES:
        raise DataError(f"{folder} holds more than {_MAX_ENTRIES:,} files; {_ASKED}")
    return names
