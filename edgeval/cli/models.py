"""Command that lists the model cards, or what a repository of GGUFs holds."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def models(
    repo: Annotated[
        str | None,
        typer.Argument(
            metavar="OWNER/NAME",
            help="Hub repository of GGUFs: list them instead, without downloading.",
            show_default=False,
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="List what the cache has of the repository.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the model cards and their claims, or the GGUFs of a hub repository."""
    if repo is not None:
        from edgeval.cli import repository

        repository.show(repo, as_json=as_json, offline=offline)
        return
    from edgeval.checkpoints import cards
    from edgeval.cli.terminal import catalog

    found = list(cards.cards().values())
    if as_json:
        print_json(catalog.cards_json(found))
    else:
        catalog.print_cards(found)
