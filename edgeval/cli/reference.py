"""Commands for reference files: what the reference said of every item, to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import Json, StoreFile
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.system.console import print_json, say, stdout_console

reference = typer.Typer(
    help="Export a run for machines that never run its model, or show such a file.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@reference.command()
def export(
    number: Annotated[
        int, typer.Argument(metavar="RUN", help="Number of the run, of edgeval runs.")
    ],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, a .npz.")],
    store: StoreFile = DEFAULT_STORE,
) -> None:
    """Write what a run says of every item it has scored, for run --reference."""
    from edgeval.store.reference_export import export_reference

    with progress_bars(target.parent, store.parent):
        export_reference(store, number, target)
    say(target)


@reference.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File of edgeval reference export.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Its data set as a file, to show the accuracies too."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a reference file is of: model, data, protocol, items."""
    from edgeval.cli.terminal.reference import reference_table
    from edgeval.evaluation.reference import load_reference

    found = load_reference(file)
    if as_json:
        print_json(found.header.model_dump_json(indent=2))
        return
    accuracies = None if data is None else found.metrics(data)
    stdout_console().print(reference_table(found, accuracies))
