"""Command that renders a saved record again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.cli.outputs import Outputs, end, takes_outputs
from edgeval.system.console import print_json


@takes_outputs()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds report.json.")],
    *,
    outputs: Outputs,
    as_json: Json = False,
) -> None:
    """Render a report again from its saved record, and hold it to conditions.

    Exit code 0: all is well. 1: an error, or a condition is about a type that failed. 2: wrong
    usage. 3: a condition of --fail-if is broken. 4: none is broken, and one is open.
    """
    from edgeval.cli.terminal.records import print_corrections
    from edgeval.cli.terminal.report import print_files, print_record
    from edgeval.report import record_files as reports

    outputs.require_usable()
    record = reports.load(folder)
    found = outputs.write(record)
    reports.render(record, folder)
    if as_json:
        print_corrections(record)
        print_json(record.model_dump_json(indent=2))
    else:
        print_record(record)
        print_files(folder)
    end(found, is_quiet=as_json)
