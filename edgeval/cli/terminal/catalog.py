"""Catalog of what edgeval knows by name: model cards and protocols, as tables and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgeval.system.console import stdout_console
from edgeval.system.tables import Table
from edgeval.tasks.protocol import DEFAULT, Protocol

if TYPE_CHECKING:
    from edgeval.checkpoints.cards import Card
    from edgeval.records import Claim

_PROTOCOL_FIELDS = (
    "name",
    "version",
    "family",
    "rendering",
    "adds_ends",
    "metric",
    "few_shot",
    "tool",
    "versions",
)


def print_cards(cards: Sequence[Card]) -> None:
    """Print the cards, one line each with its published numbers, and where these stand.

    What cannot be what it says is marked, and the reason stands below.
    """
    tasks = list(dict.fromkeys(claim.task for card in cards for claim in card.claims))
    table = Table.of("published numbers, in percent", ("name", *tasks), numbers=tasks)
    for card in cards:
        values = {claim.task: _marked(claim) for claim in card.claims}
        table.add_row(card.name, *(values.get(task, "") for task in tasks))
    console = stdout_console()
    console.print(table)
    console.print_each(_below(cards))


def _marked(claim: Claim) -> str:
    return claim.printed if claim.counts else f"{claim.printed}!"


def _below(cards: Sequence[Card]) -> Iterator[str]:
    """Yield what contradicts itself, where each checkpoint is, and where the claims stand."""
    for card in cards:
        if found := card.contradiction:
            yield f"! {card.name}: {found[0].lower()}{found[1:]}"
    for card in cards:
        yield f"{card.name}: {card.repo or 'ships with edgeval'}"
    for source, names in _sources(cards).items():
        yield f"{source}: {', '.join(names)}"


def _sources(cards: Sequence[Card]) -> dict[str, list[str]]:
    """Return for each source of claims the cards that cite it."""
    found: dict[str, list[str]] = {}
    for card in cards:
        for claim in card.claims:
            paper = claim.citation.paper_arxiv_id
            source = f"arXiv {paper}, " if paper else ""
            names = found.setdefault(source + claim.citation.section, [])
            if card.name not in names:
                names.append(card.name)
    return found


def cards_json(cards: Sequence[Card]) -> str:
    """Return the cards as a JSON list, each with what contradicts itself in it."""
    rows = [card.model_dump(mode="json") | {"contradiction": card.contradiction} for card in cards]
    return json.dumps(rows, indent=2)


def print_protocols(protocols: Sequence[Protocol]) -> None:
    """Print the protocols, one line each, and whose numbers they give."""
    titles = ("name", "version", "metric", "BOS, EOS", "shots")
    table = Table.of("protocols", titles, numbers=("version",))
    for protocol in protocols:
        table.add_row(
            protocol.name,
            str(protocol.version),
            protocol.metric,
            "the model's own" if protocol.adds_ends else "none",
            "any" if protocol.few_shot else "none",
        )
    console = stdout_console()
    console.print(table)
    console.print_each(
        f"{each.name}: the numbers of {each.tool}, {each.versions}." for each in protocols
    )
    console.print(f"default: a claim's, or {DEFAULT}; llama.cpp for .txt")


def protocols_json(protocols: Sequence[Protocol]) -> str:
    """Return the protocols as a JSON list."""
    rows = [{name: getattr(each, name) for name in _PROTOCOL_FIELDS} for each in protocols]
    return json.dumps(rows, indent=2)
