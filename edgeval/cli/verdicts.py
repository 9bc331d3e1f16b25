"""The command that judges published numbers from a saved record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.console import print_json


def verdict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or its report.json.")
    ],
    as_json: Json = False,
) -> None:
    """Say what a saved run shows about the published numbers, and why."""
    from edgeval import report, terminal
    from edgeval.verdict import verdicts

    record = report.load_run(run)
    found = verdicts(record)
    if as_json:
        terminal.print_corrections(record)
        print_json(terminal.records_json(found))
    else:
        terminal.print_verdicts(record, found)
