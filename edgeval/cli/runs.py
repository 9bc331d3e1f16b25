"""Commands for what the store holds: each run is one GGUF under one setting."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import Json, StoreFile
from edgeval.errors import StoreError
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.system.console import print_json, say
from edgeval.system.escapes import visible

runs = typer.Typer(
    help="List the runs that the store holds, or show, delete, export, import or repair.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Number = Annotated[int, typer.Argument(metavar="N", help="Number of the run, of edgeval runs.")]


@runs.callback(invoke_without_command=True)
def list_all(
    context: typer.Context, store: StoreFile = DEFAULT_STORE, as_json: Json = False
) -> None:
    """List the runs that the store holds, or show, delete, export, import or repair."""
    if context.invoked_subcommand is not None:
        for name in ("store", "as_json"):
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                option = "--store" if name == "store" else "--json"
                raise typer.BadParameter(
                    f"write it after {context.invoked_subcommand}", param_hint=option
                )
        return
    from edgeval.cli.terminal import runs as terminal
    from edgeval.cli.terminal.records import records_json
    from edgeval.store.runs import list_runs

    found = list_runs(store)
    if as_json:
        print_json(records_json(found))
    else:
        terminal.print_runs(found, store)


@runs.command()
def show(number: Number, store: StoreFile = DEFAULT_STORE, as_json: Json = False) -> None:
    """Show what the store holds of a run: setting, items scored, plans."""
    from edgeval.cli.terminal import runs as terminal
    from edgeval.store.runs import show_run

    found = show_run(store, number)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        terminal.print_run(found)


@runs.command()
def delete(
    number: Number,
    store: StoreFile = DEFAULT_STORE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run with its plans and scores."""
    from edgeval.store.runs import delete_run, show_run

    run = show_run(store, number)
    if not yes:
        if not sys.stdin.isatty():
            raise StoreError(
                f"run {number} has {run.n_items:,} items scored, and there is no terminal to ask "
                "at; add --yes to delete it"
            )
        question = f"Delete run {number}, {run.file}, with {run.n_items:,} items scored?"
        typer.confirm(visible(question), abort=True, err=True)
    with progress_bars(store.parent) as progress:
        delete_run(store, number, progress=progress)


@runs.command(name="export")
def export(
    number: Number,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, a .json.")],
    store: StoreFile = DEFAULT_STORE,
) -> None:
    """Write a run to a file that other stores can import."""
    from edgeval.store.exchange import export_run

    with progress_bars(target.parent, store.parent):
        export_run(store, number, target)
    say(target)


@runs.command(name="import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="File of edgeval runs export.")],
    store: StoreFile = DEFAULT_STORE,
) -> None:
    """Add a run of another machine to the store."""
    from edgeval.store.exchange import import_run

    with progress_bars(store.parent) as progress:
        done = import_run(store, source, progress=progress)
    present = f", {done.n_present:,} were there already" if done.n_present else ""
    say(f"run {done.run}: {done.n_added:,} items added{present}")


@runs.command()
def repair(
    store: StoreFile = DEFAULT_STORE,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="New store to write.", show_default="NAME-repaired.db"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the store, and recover what can be read of a damaged one into a new one."""
    from edgeval.cli.terminal import runs as terminal
    from edgeval.store.repair import repair as repair_store

    with progress_bars(store.parent, (out or store).parent):
        found = repair_store(store, out)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        terminal.print_repair(found)
