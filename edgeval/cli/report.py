"""Command that renders a saved record again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds report.json.")],
    as_json: Json = False,
) -> None:
    """Render a report again from its saved record."""
    from edgeval.cli.terminal.records import print_corrections
    from edgeval.cli.terminal.report import print_files, print_report
    from edgeval.report import record_files as reports

    record = reports.load(folder)
    reports.render(record, folder)
    if as_json:
        print_corrections(record)
        print_json(record.model_dump_json(indent=2))
    else:
        print_report(record)
        print_files(folder)
