"""Command that lists the model cards."""

from __future__ import annotations

from edgeval.cli.options import Json
from edgeval.system.console import print_json


def models(as_json: Json = False) -> None:
    """List the model cards and their claims."""
    from edgeval.checkpoints import cards
    from edgeval.cli.terminal import catalog

    found = list(cards.cards().values())
    if as_json:
        print_json(catalog.cards_json(found))
    else:
        catalog.print_cards(found)
