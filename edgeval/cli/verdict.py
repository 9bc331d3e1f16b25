"""Command that judges published numbers from a saved record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def verdict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or its report.json.")
    ],
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="POINTS",
            help="Judge by this tolerance instead of the claims' own.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a saved run shows about the published numbers, and why."""
    from edgeval.cli.terminal.records import print_corrections, records_json
    from edgeval.cli.terminal.verdict import print_suite_verdicts, print_verdicts
    from edgeval.records import Report
    from edgeval.report import record_files
    from edgeval.report.derived import judged_at

    saved = record_files.load_run(run)
    record = saved if margin is None else judged_at(saved, margin)
    if as_json:
        print_corrections(saved)
        print_json(records_json(record_files.verdicts(record)))
    elif isinstance(record, Report):
        print_verdicts(record, record.verdicts, margin)
    else:
        print_suite_verdicts(record, margin)
