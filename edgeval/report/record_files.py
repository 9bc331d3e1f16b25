"""Files of a report: the saved record, its pages and its verdict. Nothing here runs a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edgeval.errors import EdgevalError
from edgeval.records import SCHEMA_VERSION, Evaluation, Report, bounds
from edgeval.report import older
from edgeval.report.derived import renewed
from edgeval.report.pages import html_page, markdown_page
from edgeval.system import untrusted
from edgeval.system.files import write_texts

RECORD_NAME = "report.json"
MARKDOWN_NAME = "report.md"
HTML_NAME = "report.html"
VERDICT_NAME = "verdict.json"

__all__ = [
    "HTML_NAME",
    "MARKDOWN_NAME",
    "RECORD_NAME",
    "VERDICT_NAME",
    "load",
    "load_record",
    "load_run",
    "render",
    "save",
]

_Kind = TypeVar("_Kind", Report, Evaluation)


def save(report: Report, directory: Path) -> None:
    """Write the record as ``report.json`` with its verdict, then its pages.

    The record comes first, so that it is kept whatever happens to the pages.

    Raises:
        EdgevalError: If a file cannot be written; each is whole or as it was before, and no page of
            another record stays.
    """
    path = directory / RECORD_NAME
    record = {path: report.model_dump_json(indent=2) + "\n"}
    _write(report, directory, {**record, **_verdict(report, directory)})
    try:
        write_texts(_pages(report, directory))
    except EdgevalError as error:
        for page in (MARKDOWN_NAME, HTML_NAME):
            _remove(directory / page)
        raise EdgevalError(
            f"{error}; {path} is complete, and edgeval report {directory} makes its pages"
        ) from error


def load(directory: Path) -> Report:
    """Read the record of a folder.

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
    return _validated(Report, path, content)


def load_record(path: str | Path) -> Report | Evaluation:
    """Read a report, or what ``edgeval eval --json`` printed.

    Args:
        path: The file, or the folder that holds a ``report.json``.

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
    is_evaluation = isinstance(content, dict) and "runs" in content and "model" not in content
    return (
        _validated(Evaluation, path, content)
        if is_evaluation
        else _validated(Report, path, content)
    )


def load_run(path: Path) -> Report:
    """Read the record of a run.

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


def render(report: Report, directory: Path) -> None:
    """Write ``report.md``, ``report.html`` and ``verdict.json`` from a record.

    ``verdict.json`` is the first verdict, which is the reference run's; without one it is removed.

    Raises:
        EdgevalError: If a file cannot be written; all are written, or none.
    """
    _write(report, directory, {**_pages(report, directory), **_verdict(report, directory)})


def _pages(report: Report, directory: Path) -> dict[Path, str]:
    return {
        directory / MARKDOWN_NAME: markdown_page(report),
        directory / HTML_NAME: html_page(report),
    }


def _verdict(report: Report, directory: Path) -> dict[Path, str]:
    if not report.verdicts:
        return {}
    return {directory / VERDICT_NAME: report.verdicts[0].model_dump_json(indent=2) + "\n"}


def _write(report: Report, directory: Path, texts: Mapping[Path, str]) -> None:
    """Write files of a report, all or none, and leave no verdict that is not its own."""
    write_texts(texts)
    if not report.verdicts:
        _remove(directory / VERDICT_NAME)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise EdgevalError(
            f"cannot remove {path} ({error.strerror}), which is of another report; remove it "
            "yourself"
        ) from error


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
        current = renewed(record)
    except (ValueError, ArithmeticError) as error:
        raise EdgevalError(
            f"{path} contradicts itself: {untrusted.printable(str(error), 400)}; restore it, or "
            "run the evaluation again"
        ) from error
    current.corrected(*older.corrections(path.name, comparable, current.model_dump(mode="json")))
    return current


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
