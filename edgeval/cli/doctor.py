"""The command that looks at the machine and the installation."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeval.cli.options import STORE, Backend, Devices, Json, StoreOption, device_names


def doctor(
    model: Annotated[
        str,
        typer.Argument(help="Card name, checkpoint directory or .gguf file to check GPUs with."),
    ] = "demo",
    backend: Backend = "auto",
    device: Devices = None,
    store: StoreOption = STORE,
    as_json: Json = False,
) -> None:
    """Show what this installation is and what is wrong, and hold each GPU to the CPU.

    The exit code is 1 if an evaluation would fail.
    """
    from edgeval.doctor import diagnose
    from edgeval.doctor.tables import print_diagnosis

    found = diagnose(model, backend, device_names(device), store=store)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        print_diagnosis(found)
    if found.problems:
        raise typer.Exit(1)
