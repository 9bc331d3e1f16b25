"""Command that prints the JSON Schema of a record."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from edgeval.system.console import print_json


class RecordName(str, Enum):
    """The records that edgeval writes or prints."""

    report = "report"
    suite = "suite"
    eval = "eval"
    pick = "pick"
    inspect = "inspect"
    run = "run"
    doctor = "doctor"
    samples = "samples"
    bench = "bench"
    forecast = "forecast"
    history = "history"


def schema(
    record: Annotated[
        RecordName,
        typer.Argument(
            case_sensitive=False,
            help="report: report.json; suite: that of several tasks; pick: pick.json; eval, "
            "inspect, doctor, bench, history: what they print with --json; forecast: what edgeval "
            "run --dry-run --json does; samples: what edgeval compare --lm-eval does; run: the "
            "file of edgeval runs export.",
        ),
    ] = RecordName.report,
) -> None:
    """Print the JSON Schema of a record."""
    from edgeval.records.schemas import schema_of

    print_json(schema_of(record.value))
