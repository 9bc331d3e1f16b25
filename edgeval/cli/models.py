"""Commands for models: what is published of them, cards of a user's own, GGUFs on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgeval.cli.options import Json
from edgeval.errors import EdgevalError
from edgeval.system.console import print_json, say, stderr_console


class _OrModel(TyperGroup):
    """Commands beside which a model may be named: ``models NAME`` is ``models show NAME``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        is_command = args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if is_command else ["show", *args])


models = typer.Typer(
    cls=_OrModel,
    help="List the model cards, show one or a repository, or add and remove cards of your own.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@models.callback(invoke_without_command=True)
def list_all(context: typer.Context, as_json: Json = False) -> None:
    """List the model cards and their published numbers.

    `edgeval models NAME` and `edgeval models OWNER/NAME` are `edgeval models show`.
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter("write it behind the name", param_hint="--json")
        return
    from edgeval.checkpoints.cards import cards, own_cards, own_folder
    from edgeval.cli.terminal import cards as terminal

    shipped, (own, problems) = cards().values(), own_cards()
    if as_json:
        print_json(terminal.cards_json([*shipped, *own.values()]))
    else:
        terminal.print_cards(list(shipped), list(own.values()), own_folder())
    if problems:
        raise EdgevalError("; ".join(problems))


@models.command()
def show(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Name of a card, or its repository; or one of GGUFs, OWNER/NAME."
        ),
    ],
    offline: Annotated[
        bool, typer.Option("--offline", help="Of a repository, show what the cache has.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a card's published numbers and where they stand, or the GGUFs of a hub repository.

    Nothing is downloaded.
    """
    from edgeval.checkpoints import cards
    from edgeval.cli import repository
    from edgeval.cli.terminal import cards as terminal
    from edgeval.hub.names import parse_model

    card = cards.find(model) or cards.find_repo(model)
    if card is not None:
        if as_json:
            print_json(terminal.card_json(card))
        else:
            terminal.print_card(card)
    elif parse_model(model) is not None:
        repository.show(model, as_json=as_json, offline=offline)
    else:
        raise cards.unknown_card(model)


@models.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The card, a .toml.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another card of its name.")
    ] = False,
) -> None:
    """Add a card of your own, so that its name and its repository are known."""
    from edgeval.checkpoints import own_cards

    target, remarks = own_cards.add(file, overwrite=overwrite)
    say(target)
    if remarks:
        stderr_console().print_each(remarks)


@models.command()
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the card.")]) -> None:
    """Remove a card of your own."""
    from edgeval.checkpoints import own_cards

    say(f"removed {own_cards.remove(name)}")
