"""Model cards: where a checkpoint lives, and which numbers are published of it."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgeval.errors import EdgevalError, closest
from edgeval.records import DataSource

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Citation(_Part):
    """Where a claim stands."""

    paper_arxiv_id: str | None = None
    section: str
    row: str
    column: str
    quoted_text: str | None = None
    pdf_page: int | None = None


class Claim(_Part):
    """One published number.

    Attributes:
        task: The benchmark, for example ``hellaswag``.
        value: The number, in points.
        metric: The metric it is of.
        protocol: The protocol it was measured with; shots are 0.
        data: The data set it was measured on.
        data_fingerprint: Fingerprint of that data set, if known.
        n_items: Number of items in that data set.
        notes: Anything a reader should know.
        citation: Where it stands.
    """

    task: str
    value: float = Field(ge=0, le=100)
    metric: str
    protocol: str
    data: str
    data_fingerprint: str | None = None
    n_items: int = Field(gt=0)
    notes: str = ""
    citation: Citation

    def is_of(self, data: DataSource) -> bool:
        """Return whether the evaluated items are known to come from the claim's data set."""
        if self.data_fingerprint is not None:
            return data.fingerprint == self.data_fingerprint
        return data.name == self.data


class Card(_Part):
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
