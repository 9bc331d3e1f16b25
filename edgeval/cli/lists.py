"""Commands that list what edgeval knows."""

from __future__ import annotations

import typer

from edgeval.cli.options import Json


def models(as_json: Json = False) -> None:
    """List the model cards and their claims."""
    from edgeval import cards, terminal

    found = list(cards.cards().values())
    if as_json:
        typer.echo(terminal.cards_json(found))
    else:
        terminal.print_cards(found)


def protocols(as_json: Json = False) -> None:
    """List the protocols and the tools whose numbers they give."""
    from edgeval import terminal
    from edgeval.protocol import PROTOCOLS

    found = list(PROTOCOLS.values())
    if as_json:
        typer.echo(terminal.protocols_json(found))
    else:
        terminal.print_protocols(found)
