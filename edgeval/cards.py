"""Model cards: where a checkpoint lives, and which numbers are published of it."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from edgeval.errors import EdgevalError, closest
from edgeval.records import Claim, Record

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Card(Record):
    """One model.

    Attributes:
        name: What users type.
        title: What reports call it.
        repo: Repository on the hub, or None for a checkpoint that ships with edgeval.
        revision: Branch, tag or commit on the hub.
        training_tokens_billions: How long it was trained, if known; cards are listed by it.
        checkpoint: Folder in the cards' folder, for a checkpoint that ships with edgeval.
        data: Data file in the cards' folder that is evaluated by default; None for the hub's.
        claims: The published numbers.
    """

    name: str
    title: str
    repo: str | None = None
    revision: str = "main"
    training_tokens_billions: float | None = None
    checkpoint: str | None = None
    data: str | None = None
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Card:
        if (self.repo is None) == (self.checkpoint is None):
            raise ValueError("a card has either repo or checkpoint")
        return self

    def claims_on(self, task: str) -> list[Claim]:
        """Return the claims about one benchmark."""
        return [claim for claim in self.claims if claim.task == task]


def cards_folder() -> Path:
    """Return the folder of the cards: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


@functools.cache
def cards() -> dict[str, Card]:
    """Return all cards by name, the least trained first.

    Raises:
        EdgevalError: If a card is malformed.
    """
    found = [_read(path) for path in sorted(cards_folder().glob("*.toml"))]
    found.sort(key=lambda card: card.training_tokens_billions or 0)
    return {card.name: card for card in found}


def find(name: str) -> Card | None:
    """Return the card of a name, or None."""
    return cards().get(name)


def unknown_model(name: str) -> EdgevalError:
    """Return the error for a model that is no card, repository, directory or file."""
    return EdgevalError(
        f"no model {name!r}{closest(name, cards())}; give a card name (see edgeval models), a hub "
        "repository OWNER/NAME, a checkpoint directory or a .gguf file"
    )


def _read(path: Path) -> Card:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        card = Card.model_validate(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EdgevalError(f"{path} is not TOML ({error}); correct it") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise EdgevalError(f"{path}: {where}: {first['msg']}; correct it") from error
    if card.name != path.stem:
        raise EdgevalError(f"{path}: the card's name is {card.name!r}; name it like its file")
    return card
