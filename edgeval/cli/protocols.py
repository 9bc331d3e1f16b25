"""Command that lists the protocols."""

from __future__ import annotations

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def protocols(as_json: Json = False) -> None:
    """List the protocols and the tools whose numbers they give."""
    from edgeval.cli.terminal import catalog
    from edgeval.tasks.protocol import PROTOCOLS

    found = list(PROTOCOLS.values())
    if as_json:
        print_json(catalog.protocols_json(found))
    else:
        catalog.print_protocols(found)
