"""Model cards as tables and as JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval.checkpoints.cards import Card
from edgeval.errors import counted
from edgeval.records import Claim
from edgeval.records.claims import NOT_STATED
from edgeval.system.console import stdout_console
from edgeval.system.listings import Listing
from edgeval.system.screen import Said, Styled
from edgeval.system.tables import Table
from edgeval.tasks.names import TASK_NAMES

_UNKNOWN = "\N{EN DASH}"
_HOW = ("metric", "shots", "protocol")
_NUMBERS = ("published", "shots", "right items", "other tasks")


def print_cards(cards: Sequence[Card], own: Sequence[Card], folder: Path) -> None:
    """Print the cards by family, with the published numbers that edgeval can measure.

    Args:
        cards: Those that ship with edgeval, in order.
        own: The user's own, in order.
        folder: Where those are.
    """
    title = f"published numbers on {', '.join(TASK_NAMES)}, in percent"
    table = Table.of(title, ("name", "published", *_HOW, "other tasks"), numbers=_NUMBERS)
    groups = [list(group) for _, group in itertools.groupby(cards, key=lambda card: card.family)]
    for group in filter(None, (*groups, list(own))):
        for card in group:
            _add(table, card)
        table.add_section()
    console = stdout_console()
    console.print(table)
    console.print_each(_below(cards, own, folder))


def print_card(card: Card) -> None:
    """Print a card: its numbers, how they were measured, where they stand and what is odd."""
    table = Table.of(
        "published numbers, in percent",
        ("task", "published", *_HOW, "right items"),
        numbers=_NUMBERS,
    )
    for claim in card.claims:
        correct = "" if claim.correct is None else f"{claim.correct:,}"
        right = f"{correct or '?'} of {claim.n_items:,}"
        table.add_row(claim.task, _marked(claim), *_how(claim), right)
    facts: dict[str, Said] = {"name": card.name, "repository": _repository(card)}
    if card.average is not None:
        facts["average"] = f"{card.average.value:.{card.average.decimals}f}"
    console = stdout_console()
    console.print(Styled(card.title, "bold"))
    console.print(Listing(facts))
    console.print(table)
    console.print_each(_stands(claim) for claim in card.claims)
    if card.contradiction:
        console.print(f"! {card.contradiction}")


def cards_json(cards: Sequence[Card]) -> str:
    """Return the cards as a JSON list, each with what contradicts itself in it."""
    return json.dumps([_fields(card) for card in cards], indent=2)


def card_json(card: Card) -> str:
    """Return a card as JSON, with what contradicts itself in it."""
    return json.dumps(_fields(card), indent=2)


def _fields(card: Card) -> dict[str, object]:
    return card.model_dump(mode="json") | {"contradiction": card.contradiction}


def _add(table: Table, card: Card) -> None:
    """Add a row for each number of a card on a task that is evaluated, or one without."""
    measurable = [claim for claim in card.claims if claim.task in TASK_NAMES]
    others = len(card.claims) - len(measurable)
    rows = [(_marked(claim), *_how(claim)) for claim in measurable] or [("", "", "", "")]
    for at, row in enumerate(rows):
        table.add_row("" if at else card.name, *row, f"{others or ''}" if not at else "")


def _how(claim: Claim) -> tuple[str, str, str]:
    metric, protocol = (
        _UNKNOWN if each == NOT_STATED else each for each in (claim.metric, claim.protocol)
    )
    return metric, str(claim.shots), protocol


def _marked(claim: Claim) -> str:
    return claim.printed if claim.counts else f"{claim.printed}!"


def _below(cards: Sequence[Card], own: Sequence[Card], folder: Path) -> Iterator[str]:
    """Yield what contradicts itself, and where more is said."""
    for card in (*cards, *own):
        if found := card.contradiction:
            yield f"! {card.name}: {found[0].lower()}{found[1:]}"
    if own:
        yield f"{counted(len(own), 'card')} of your own, the last, in {folder}."
    yield f"{_UNKNOWN} is not stated where the number stands."
    yield "edgeval models NAME shows where a card's numbers stand, and those on other tasks."


def _repository(card: Card) -> str:
    return f"{card.repo} at {card.revision}" if card.repo else "ships with edgeval"


def _stands(claim: Claim) -> str:
    """Return where a number stands, and what is to be known of it."""
    # Who lists the cards waits for nothing of reports.
    from edgeval.report.facts import citation

    notes = f" ({claim.notes})" if claim.notes else ""
    return f"{claim.task}: {citation(claim.citation)}{notes}"
