"""Command that renders a saved record again, or exports it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeval.cli.options import Json
from edgeval.cli.outputs import EXPORT, Outputs, end, takes_outputs
from edgeval.system.console import print_json, say

if TYPE_CHECKING:
    from edgeval.records import Report, Suite


class Form(str, Enum):
    """What a saved record is exported as."""

    model_card = "model-card"
    every_eval_ever = "every-eval-ever"
    latex = "latex"
    csv = "csv"
    parquet = "parquet"
    json = "json"


@takes_outputs()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds report.json.")],
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            case_sensitive=False,
            help="Print the record as this, instead of rendering it.",
            rich_help_panel=EXPORT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE|-",
            help="Where --format goes; of every-eval-ever a folder.",
            show_default="stdout",
            rich_help_panel=EXPORT,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace what --out holds.", rich_help_panel=EXPORT),
    ] = False,
    *,
    outputs: Outputs,
    as_json: Json = False,
) -> None:
    """Render a report again from its saved record, export it, and hold it to conditions.

    Exit code 0: all is well. 1: an error, or a condition is about a type that failed. 2: wrong
    usage. 3: a condition of --fail-if is broken. 4: none is broken, and one is open.
    """
    from edgeval.cli.terminal.records import print_corrections
    from edgeval.cli.terminal.report import print_files, print_record
    from edgeval.report import record_files as reports

    if form is None and (out is not None or overwrite):
        raise typer.BadParameter("name a --format, too", param_hint="--out")
    if form is not None and as_json:
        raise typer.BadParameter(f"--format {form.value} prints another", param_hint="--json")
    outputs.require_usable()
    record = reports.load(folder)
    found = outputs.write(record)
    if form is not None:
        print_corrections(record)
        _export(record, form, out, overwrite)
        end(found, is_quiet=True)
        return
    reports.render(record, folder)
    if as_json:
        print_corrections(record)
        print_json(record.model_dump_json(indent=2))
    else:
        print_record(record)
        print_files(folder)
    end(found, is_quiet=as_json)


def _export(record: Report | Suite, form: Form, out: Path | None, overwrite: bool) -> None:
    """Print a record in a format, or write it and print where."""
    from edgeval.report.exports.export import exported, write

    if out is None or str(out) == "-":
        for line in exported(record, form.value).removesuffix("\n").split("\n"):
            say(line)
        return
    for path in write(record, form.value, out, overwrite=overwrite):
        say(path)
