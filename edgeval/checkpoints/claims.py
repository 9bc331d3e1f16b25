"""Claims of a run: the published numbers that a model is judged by, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeval.checkpoints import cards, claim_text
from edgeval.checkpoints.claim_text import GivenClaim
from edgeval.checkpoints.locate import ModelLocation
from edgeval.records import Claim, DataSource
from edgeval.system.progress import Progress


@dataclass(frozen=True)
class Claimed:
    """What is published of a model, before the items are known that it is judged on.

    Attributes:
        card: The card whose claims are judged: what ``--card`` names or else the model's own.
        given: The claims that were typed; they go before those of the card.
        note: What is to be said of the card's claims; empty where the card is the model's own.
    """

    card: cards.Card | None = None
    given: tuple[GivenClaim, ...] = ()
    note: str = ""

    def of(self, location: ModelLocation, progress: Progress) -> Claimed:
        """Return what is published of a model: by its own card, if no other was named.

        Args:
            location: The model.
            progress: Where it is said if the card that was named is another model's.
        """
        if self.card is None:
            return replace(self, card=location.card)
        whose = self.card.repo or "edgeval"
        note = f"from the card '{self.card.name}' of {whose}, given with --card"
        model = location.base_model or location.repo
        if model is not None and model.casefold() != whose.casefold():
            note += f"; the model is {model}"
            progress.log(
                f"the card '{self.card.name}' is of {whose}, and the model is {model}; it is "
                "judged by the card's numbers all the same, as --card says"
            )
        return replace(self, note=note)

    def on(self, task: str, data: DataSource | None = None) -> tuple[list[Claim], list[Claim]]:
        """Return the claims on the evaluated task, and those on other tasks.

        Args:
            task: Name of the task.
            data: The items that are evaluated, if they are known by now.
        """
        claims = [each.claim(data) for each in self.given]
        claims += [_noted(claim, self.note) for claim in (self.card.claims if self.card else ())]
        return (
            [claim for claim in claims if claim.task == task],
            [claim for claim in claims if claim.task != task],
        )


def claimed(card: str | Path | None = None, claims: Sequence[str] = ()) -> Claimed:
    """Return what a model is to be judged by, as far as that was named.

    Args:
        card: A card's name or file, instead of the model's own card.
        claims: More published numbers, each as ``claim_text.PATTERN`` says.

    Raises:
        EdgevalError: If there is no such card, or a claim is not understood.
    """
    named = None if card is None else named_card(str(card))
    return Claimed(named, tuple(map(claim_text.parsed, claims)))


def named_card(name: str) -> cards.Card:
    """Return the card that a file holds or, without such a file, that has a name.

    Raises:
        EdgevalError: If there is none, or it is malformed.
    """
    path = Path(name)
    if path.suffix == ".toml":
        return cards.require_own(cards.read(path), path)
    found = cards.find(name)
    if found is None:
        raise cards.unknown_card(name)
    return found


def _noted(claim: Claim, note: str) -> Claim:
    """Return a claim with a note more."""
    if not note:
        return claim
    return claim.model_copy(update={"notes": "; ".join(filter(None, (claim.notes, note)))})
