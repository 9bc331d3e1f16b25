"""Files of a report: the saved record, its pages and its verdict. Nothing here runs a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edgeval.errors import EdgevalError, closest, listed
from edgeval.records import SCHEMA_VERSION, Evaluation, Report, Suite, Verdict, bounds
from edgeval.report import older
from edgeval.report.derived import renewed, renewed_suite
from edgeval.report.page_files import file_names, remove
from edgeval.report.pages import pages_of
from edgeval.report.suite.pages import pages_of_suite
from edgeval.report.suite.view import page_names
from edgeval.system import untrusted
from edgeval.system.files import write_files

RECORD_NAME = "report.json"
_STEM = "report"
MARKDOWN_NAME = f"{_STEM}.md"
HTML_NAME = f"{_STEM}.html"
VERDICT_NAME = "verdict.json"

__all__ = [
    "HTML_NAME",
    "MARKDOWN_NAME",
    "RECORD_NAME",
    "VERDICT_NAME",
    "load",
    "load_record",
    "load_run",
    "load_task",
    "render",
    "save",
]

_Kind = TypeVar("_Kind", Report, Evaluation, Suite)


def save(report: Report | Suite, directory: Path) -> None:
    """Write the record as ``report.json`` with its verdict, then its pages.

    The record comes first, so that it is kept whatever happens to the pages.

    Raises:
        EdgevalError: If a file cannot be written; each is whole or as it was before, and no page of
            another record stays.
    """
    path = directory / RECORD_NAME
    before = _page_names(path)
    record: dict[Path, str | bytes] = {path: report.model_dump_json(indent=2) + "\n"}
    _write(report, directory, {**record, **_verdict(report, directory)})
    pages = _pages(report, directory)
    for page in before - {each.name for each in pages}:
        remove(directory / page)
    try:
        write_files(pages)
    except EdgevalError as error:
        for each in pages:
            remove(each)
        raise EdgevalError(
            f"{error}; {path} is complete, and edgeval report {directory} makes its pages"
        ) from error


def load(directory: Path) -> Report | Suite:
    """Read the record of a folder: of a run on one task, or on several.

    Raises:
        EdgevalError: If there is none, or if it is damaged or of another schema.
    """
    path = directory / RECORD_NAME
    try:
        content = _content(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EdgevalError(
            f"{directory} holds no {RECORD_NAME}; name the folder that edgeval run wrote"
        ) from error
    if _is_suite(content):
        return _validated(Suite, path, content)
    return _validated(Report, path, content)


def load_record(path: str | Path) -> Report | Evaluation | Suite:
    """Read a report, or what ``edgeval eval --json`` printed.

    Args:
        path: The file, or the folder that holds a ``report.json``.

    Returns:
        What was read; of a run on several tasks, a ``Suite``.

    Raises:
        EdgevalError: If there is none, or if it is damaged or of another schema.
    """
    path = Path(path)
    if path.is_dir():
        return load(path)
    try:
        content = _content(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EdgevalError(f"no record at {path}; check the path") from error
    if _is_suite(content):
        return _validated(Suite, path, content)
    is_evaluation = isinstance(content, dict) and "runs" in content and "model" not in content
    return (
        _validated(Evaluation, path, content)
        if is_evaluation
        else _validated(Report, path, content)
    )


def load_task(path: str | Path, task: str | None = None) -> Report | Evaluation:
    """Read a report, or what ``edgeval eval --json`` printed: what it says of one task.

    Args:
        path: The file, or the folder that holds a ``report.json``.
        task: The task, where the record has several.

    Raises:
        EdgevalError: If there is none, it is damaged or of another schema, or has no such task.
    """
    record = load_record(path)
    if isinstance(record, Suite):
        if task is None:
            raise EdgevalError(
                f"{path} has {len(record.tasks)} tasks ({listed(record.tasks)}); name one with "
                "--task"
            )
        found = record.of_task(task)
        if found is None:
            raise EdgevalError(
                f"{path} has no task {task}{closest(task, record.tasks)}; it has "
                f"{listed(record.tasks)}"
            )
        return found
    if task not in (None, record.data.task):
        raise EdgevalError(f"{path} is of {record.data.task}, not of {task}; name that task's run")
    return record


def load_run(path: Path) -> Report | Suite:
    """Read the record of a run: on one task, or on several.

    Args:
        path: The file, or the folder that holds a ``report.json``.

    Raises:
        EdgevalError: If there is none, or if it is damaged, of another schema, or of
            ``edgeval eval``.
    """
    record = load_record(path)
    if isinstance(record, Evaluation):
        raise EdgevalError(
            f"{path} is of edgeval eval, which knows no published numbers; name the folder that "
            "edgeval run wrote"
        )
    return record


def render(report: Report | Suite, directory: Path) -> None:
    """Write ``report.md`` with its images, ``report.html`` and ``verdict.json`` from a record.

    ``verdict.json`` is the first verdict, which is the reference run's, and of several tasks that
    on the average; without one it is removed. Of several tasks each has pages of its own, too.

    Raises:
        EdgevalError: If a file cannot be written; all are written, or none.
    """
    pages = _pages(report, directory)
    _write(report, directory, {**pages, **_verdict(report, directory)})
    for image in {directory / each for each in file_names(_STEM)} - pages.keys():
        remove(image)


def _pages(report: Report | Suite, directory: Path) -> dict[Path, str | bytes]:
    made = pages_of_suite(report, _STEM) if isinstance(report, Suite) else pages_of(report, _STEM)
    return {directory / name: page for name, page in made}


def verdicts(report: Report | Suite) -> list[Verdict]:
    """Return the verdicts of a record: of several tasks those on averages, then each task's."""
    if isinstance(report, Report):
        return report.verdicts
    return [*report.average_verdicts, *(each for task in report.reports for each in task.verdicts)]


def _verdict(report: Report | Suite, directory: Path) -> dict[Path, str | bytes]:
    found = verdicts(report)
    if not found:
        return {}
    return {directory / VERDICT_NAME: found[0].model_dump_json(indent=2) + "\n"}


def _page_names(path: Path) -> set[str]:
    """Return the pages of a record that is replaced, which a new one may not have."""
    try:
        content = untrusted.parse_json(untrusted.read_regular(path, bounds.MAX_BYTES))
        old = Suite.model_validate(older.current(content)) if _is_suite(content) else None
    except (OSError, untrusted.UnreadableError, ValidationError):
        old = None
    names = [_STEM, *(page_names(old.tasks) if old else ())]
    return {each for name in names for each in file_names(name)}


def _write(report: Report | Suite, directory: Path, texts: Mapping[Path, str | bytes]) -> None:
    """Write files of a report, all or none, and leave no verdict that is not its own."""
    write_files(texts)
    if not verdicts(report):
        remove(directory / VERDICT_NAME)


def _content(path: Path) -> object:
    try:
        text = untrusted.read_regular(path, bounds.MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise EdgevalError(
            f"cannot read {path} ({error.strerror or error}); check the path"
        ) from error
    except untrusted.UnreadableError as error:
        raise EdgevalError(f"{path} is no record: {error}; check the path") from error
    try:
        return untrusted.parse_json(text)
    except untrusted.UnreadableError as error:
        raise EdgevalError(
            f"{path} is not JSON ({str(error).removeprefix('it is no JSON: ')}); restore it, or "
            "run the evaluation again"
        ) from error


def _validated(kind: type[_Kind], path: Path, content: object) -> _Kind:
    """Return a record with what follows from its numbers, and what the file says otherwise.

    All records are read here: what a view shows was made by this edgeval, whoever wrote the file.
    """
    if problem := bounds.beyond(content):
        raise _no_report(path, problem)
    _refuse_another_schema(path, content)
    comparable = older.comparable(content)
    content = older.current(content)
    try:
        record = kind.model_validate(content)
    except ValidationError as error:
        raise _no_report(path, untrusted.problem(error)) from error
    try:
        current = renewed_suite(record) if isinstance(record, Suite) else renewed(record)
    except (ValueError, ArithmeticError) as error:
        raise EdgevalError(
            f"{path} contradicts itself: {untrusted.printable(str(error), 400)}; restore it, or "
            "run the evaluation again"
        ) from error
    current.corrected(*older.corrections(path.name, comparable, current.model_dump(mode="json")))
    return current


def _is_suite(content: object) -> bool:
    return isinstance(content, dict) and "reports" in content


def _no_report(path: Path, problem: str) -> EdgevalError:
    return EdgevalError(
        f"{path} is not a report: {problem}; restore it, or run the evaluation again"
    )


def _refuse_another_schema(path: Path, content: object) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        return
    if 0 < version < older.OLDEST:
        raise EdgevalError(
            f"{path} was made by an older edgeval (schema {version}, this one reads "
            f"{older.OLDEST} to {SCHEMA_VERSION}); evaluate again, the scores come from the store"
        )
    if version > SCHEMA_VERSION:
        raise EdgevalError(
            f"{path} was written by a newer edgeval (schema {version}, this one reads "
            f"{older.OLDEST} to {SCHEMA_VERSION}); upgrade edgeval with pip install --upgrade "
            "edgeval"
        )
