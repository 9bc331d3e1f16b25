"""Command that puts records of several machines side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="RECORD", help="What the others are compared with.")
    ],
    others: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORD...",
            help="report.json, or its folder, or what edgeval eval --json printed.",
        ),
    ],
    margin: Annotated[
        float,
        typer.Option(
            "--margin", metavar="POINTS", help="Two accuracies this close are called equivalent."
        ),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Put saved records of several machines side by side.

    Right items have to agree within what rounding explains; speed may differ. Each type is
    shown beside its own machine's reference, too.
    """
    from edgeval.cli.terminal.comparison import print_comparison
    from edgeval.report.compare.compare import compare as compare_files
    from edgeval.report.compare.compare import require_agreement

    found = compare_files([first, *others], margin)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        print_comparison(found)
    require_agreement(found)
