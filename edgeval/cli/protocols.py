"""Command that lists the protocols."""

from __future__ import annotations

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def protocols(as_json: Json = False) -> None:
    """List the protocols and the tools whose numbers they give."""
    from edgeval.cli.terminal import protocols as terminal
    from edgeval.tasks.protocol import PROTOCOLS

    found = list(PROTOCOLS.values())
    if as_json:
        print_json(terminal.protocols_json(found))
    else:
        terminal.print_protocols(found)
