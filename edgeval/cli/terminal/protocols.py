"""Protocols as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edgeval.system.console import stdout_console
from edgeval.system.tables import Table
from edgeval.tasks.protocol import DEFAULT, Protocol

_PROTOCOL_FIELDS = (
    "name",
    "version",
    "family",
    "rendering",
    "adds_ends",
    "metric",
    "few_shot",
    "tool",
    "versions",
)


def print_protocols(protocols: Sequence[Protocol]) -> None:
    """Print the protocols, one line each, and whose numbers they give."""
    titles = ("name", "version", "metric", "BOS, EOS", "shots")
    table = Table.of("protocols", titles, numbers=("version",))
    for protocol in protocols:
        table.add_row(
            protocol.name,
            str(protocol.version),
            protocol.metric,
            "the model's own" if protocol.adds_ends else "none",
            "any" if protocol.few_shot else "none",
        )
    console = stdout_console()
    console.print(table)
    console.print_each(
        f"{each.name}: the numbers of {each.tool}, {each.versions}." for each in protocols
    )
    console.print(f"default: a claim's, or {DEFAULT}; llama.cpp for .txt")


def protocols_json(protocols: Sequence[Protocol]) -> str:
    """Return the protocols as a JSON list."""
    rows = [{name: getattr(each, name) for name in _PROTOCOL_FIELDS} for each in protocols]
    return json.dumps(rows, indent=2)
