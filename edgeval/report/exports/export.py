"""Export: a saved run in a format that other tools, papers and pages take."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from edgeval.errors import EdgevalError, closest
from edgeval.records import Report, Suite
from edgeval.records.rows import columns
from edgeval.report.exports.every_eval_ever import logs
from edgeval.report.exports.latex import latex
from edgeval.report.exports.model_card import (
    RESULTS_FOLDER,
    eval_results,
    eval_results_yaml,
    model_card,
)
from edgeval.report.record_files import load_run
from edgeval.system.exports import csv_text, write_rows
from edgeval.system.files import write_files
from edgeval.system.untrusted import printable

Format = Literal["model-card", "every-eval-ever", "latex", "csv", "parquet", "json"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
IN_FOLDERS: Final = ("every-eval-ever",)
"""Formats of several files, of which ``out`` is the folder."""


def export(
    path: str | Path, form: Format, out: str | Path, *, overwrite: bool = False
) -> list[Path]:
    """Write a saved run in another format.

    Args:
        path: The folder that ``edgeval run`` wrote, or its ``report.json``.
        form: ``model-card`` (Markdown for a model's page on the hub, with its ``.eval_results``
            beside it), ``every-eval-ever`` (a JSON a type), ``latex`` (a table), or ``csv``,
            ``parquet`` or ``json`` (the rows of ``Report.rows``).
        out: The file; of ``every-eval-ever`` the folder.
        overwrite: Whether files that are there are replaced.

    Returns:
        The files that were written.

    Raises:
        EdgevalError: If there is no record of a run, no such format, a file that is there, or one
            that cannot be written.
    """
    require_known(form)
    return write(load_run(Path(path)), form, Path(out), overwrite=overwrite)


def write(
    record: Report | Suite, form: Format, target: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write a record in another format; see ``export``."""
    if form == "csv" or form == "parquet":
        _refuse_existing([target], overwrite)
        rows = record.rows()
        write_rows(target, form, columns(rows[0]), rows)
        return [target]
    texts = _files(record, form, target)
    _refuse_existing(texts, overwrite)
    write_files(texts)
    return list(texts)


def exported(record: Report | Suite, form: Format) -> str:
    """Return a record in a format that is one text.

    Raises:
        EdgevalError: If the format is no text, or several.
    """
    require_known(form)
    if form in IN_FOLDERS:
        raise EdgevalError(f"{form} is a file for each type; name a folder for them with --out")
    if form not in _TEXTS:
        raise EdgevalError(f"{form} is no text to be printed; name a file with --out")
    return _TEXTS[form](record)


def require_known(form: str) -> None:
    """Refuse a format that there is not.

    Raises:
        EdgevalError: If there is none of that name.
    """
    if form not in FORMATS:
        raise EdgevalError(
            f"unknown format '{printable(form, 60)}'{closest(form[:200], FORMATS)}; use one of "
            f"{', '.join(FORMATS)}"
        )


def _files(record: Report | Suite, form: Format, target: Path) -> dict[Path, str]:
    if form == "every-eval-ever":
        return {target / path: _json(log) for path, log in logs(record).items()}
    texts = {target: exported(record, form)}
    if form == "model-card":
        folder = target.parent / RESULTS_FOLDER
        for name, entries in eval_results(record).items():
            texts[folder / f"{name}.yaml"] = eval_results_yaml(entries)
    return texts


def _refuse_existing(targets: Iterable[Path], overwrite: bool) -> None:
    for target in targets:
        if target.is_file() and not overwrite:
            raise EdgevalError(f"{target} exists already; name another file, or add --overwrite")


def _csv(record: Report | Suite) -> str:
    rows = record.rows()
    return csv_text(rows[0], rows)


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


_TEXTS: Final[Mapping[str, Callable[[Report | Suite], str]]] = {
    "model-card": model_card,
    "latex": latex,
    "csv": _csv,
    "json": lambda record: _json(record.rows()),
}
