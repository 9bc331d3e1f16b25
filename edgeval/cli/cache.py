"""Commands for the cache: the GGUFs of ladders, which are made again where they are needed."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import Json
from edgeval.system.console import print_json

cache = typer.Typer(
    help="List what is kept so that it need not be made again, or prune it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cache.callback(invoke_without_command=True)
def list_all(context: typer.Context, as_json: Json = False) -> None:
    """List what is kept so that it need not be made again, or prune it."""
    if context.invoked_subcommand is not None:
        return
    from edgeval.cli.terminal import cache as terminal
    from edgeval.quantization.cache import contents

    found = contents()
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        terminal.print_cache(found)


@cache.command()
def prune(
    unused_for: Annotated[
        int,
        typer.Option(
            "--unused-for", metavar="DAYS", min=0, help="Remove GGUFs not used for DAYS; 0 for all."
        ),
    ] = 30,
    as_json: Json = False,
) -> None:
    """Remove GGUFs that were not used for a while, and what killed runs left."""
    from edgeval.cli.terminal import cache as terminal
    from edgeval.quantization.cache import prune as prune_cache

    with progress_bars() as progress:
        found = prune_cache(progress, unused_for)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        terminal.print_pruned(found)
