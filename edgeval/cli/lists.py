"""Commands that list what edgeval knows."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def models(as_json: Json = False) -> None:
    """List the model cards and their claims."""
    from edgeval.checkpoints import cards
    from edgeval.cli.terminal import catalog

    found = list(cards.cards().values())
    if as_json:
        print_json(catalog.cards_json(found))
    else:
        catalog.print_cards(found)


def protocols(as_json: Json = False) -> None:
    """List the protocols and the tools whose numbers they give."""
    from edgeval.cli.terminal import catalog
    from edgeval.tasks.protocol import PROTOCOLS

    found = list(PROTOCOLS.values())
    if as_json:
        print_json(catalog.protocols_json(found))
    else:
        catalog.print_protocols(found)


class RecordName(str, Enum):
    """The records that edgeval writes or prints."""

    report = "report"
    eval = "eval"
    inspect = "inspect"
    run = "run"
    doctor = "doctor"


def schema(
    record: Annotated[
        RecordName,
        typer.Argument(
            case_sensitive=False,
            help="report: report.json; eval, inspect, doctor: what they print with --json; run: "
            "the file of edgeval runs export.",
        ),
    ] = RecordName.report,
) -> None:
    """Print the JSON Schema of a record."""
    from edgeval.records.schemas import schema_of

    print_json(schema_of(record.value))
