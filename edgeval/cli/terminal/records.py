"""Records on their way out: JSON, and what a saved one says otherwise than its numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edgeval.records import Record, SavedRecord
from edgeval.system.console import stderr_console
from edgeval.system.screen import Console

LOUD = "bold red"
"""How is shown what no reader should miss."""


def records_json(records: Sequence[Record]) -> str:
    """Return records as a JSON list."""
    return json.dumps([each.model_dump(mode="json") for each in records], indent=2)


def print_corrections(record: SavedRecord, console: Console | None = None) -> None:
    """Print what a saved record says otherwise than its numbers; beside JSON on stderr."""
    for sentence in record.corrections:
        (console or stderr_console()).print(sentence, style=LOUD)
