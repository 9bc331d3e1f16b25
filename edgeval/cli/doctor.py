"""Command that looks at the machine and the installation."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import HOW, BackendOption, Json, StoreOption, names
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.system.console import print_json


def doctor(
    model: Annotated[
        str,
        typer.Argument(help="Card name, checkpoint directory or .gguf file to try."),
    ] = "demo",
    backend: BackendOption = "auto",
    devices: Annotated[
        str | None,
        typer.Option(
            "--devices",
            metavar="NAME,...",
            help="GPUs to check, each by itself.",
            show_default="all of the backend",
            rich_help_panel=HOW,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Say what is wrong with this installation; try each type, and hold GPUs to the CPU.

    The exit code is 1 if a check failed, or something was found that an evaluation would fail over.
    """
    from edgeval.cli.terminal.diagnosis import print_findings, print_surroundings
    from edgeval.doctor.surroundings import look_around

    here = look_around(store)
    if not as_json:
        print_surroundings(here)
    # The machine is on the screen before what tries it is loaded.
    from edgeval.doctor.diagnose import diagnose

    with progress_bars() as progress:
        found = diagnose(model, backend, names(devices), store=store, here=here, progress=progress)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        print_findings(found)
    if found.problems:
        raise typer.Exit(1)
