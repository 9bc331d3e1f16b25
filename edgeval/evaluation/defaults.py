"""Defaults of an evaluation: what a model's card, its claims or a reference file bring along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgeval.checkpoints import cards
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import Reference
from edgeval.records import Claim
from edgeval.tasks.protocol import PROTOCOLS
from edgeval.tasks.task import TEXT_SUFFIX


def with_protocol(options: Options, claims: Sequence[Claim], known: Reference | None) -> Options:
    """Return options with the protocol of the reference file or, without one, of the claims.

    Without either it is the default of the data, by which a text begins as its tokenizer asks.
    """
    is_text = options.data is not None and options.data.suffix.lower() == TEXT_SUFFIX
    if options.protocol is not None or is_text:
        return options
    if known is not None:
        return replace(options, protocol=known.header.setting.protocol)
    renderings = options.resolved_task().renderings
    of_claims = (
        claim.protocol
        for claim in claims
        if claim.protocol in PROTOCOLS and PROTOCOLS[claim.protocol].rendering in renderings
    )
    return replace(options, protocol=next(of_claims, None))


def with_card_data(options: Options, *known: cards.Card | None) -> Options:
    """Return options with the items of the first card that brings some, if none are named.

    They are of the task that the card has a number of.
    """
    items = (
        cards.cards_folder() / card.data
        for card in known
        if card and card.data and any(claim.task == options.task_name for claim in card.claims)
    )
    return options if options.data is not None else replace(options, data=next(items, None))
