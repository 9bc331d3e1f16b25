"""Command that lists the protocols."""

from __future__ import annotations

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def protocols(as_json: Json = False) -> None:
    """List the protocols and the tasks, and the tools whose numbers they give."""
    from edgeval.cli.terminal import protocols as terminal
    from edgeval.tasks.protocol import PROTOCOLS
    from edgeval.tasks.registry import TASKS

    found, tasks = list(PROTOCOLS.values()), list(TASKS.values())
    if as_json:
        print_json(terminal.protocols_json(found, tasks))
    else:
        terminal.print_protocols(found)
        terminal.print_tasks(tasks)
