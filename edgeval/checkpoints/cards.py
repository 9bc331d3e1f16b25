"""Model cards: where a checkpoint lives, and which numbers are published of it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from edgeval.errors import EdgevalError, closest
from edgeval.hub.names import is_plain_name, is_repo_id, is_revision
from edgeval.records import Average, Claim, Record
from edgeval.records.claims import MOST_DECIMALS
from edgeval.stats.contradictions import contradiction
from edgeval.system.untrusted import UnreadableError, decoded, printable, problem, read_regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_BYTES = 200_000
"""Genuine cards have some thousand."""
_MAX_POINTS = 2000
"""A name of n parts takes Python's reader time and memory by n squared."""


class _Printed(float):
    """A number that keeps how it was written, for its decimals were published too."""

    def __new__(cls, text: str) -> _Printed:
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str


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
        average: The published average of all the claims.
        claims: The published numbers.
    """

    name: str
    title: str
    repo: str | None = None
    revision: str = "main"
    training_tokens_billions: float | None = None
    checkpoint: str | None = None
    data: str | None = None
    average: Average | None = None
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Card:
        if (self.repo is None) == (self.checkpoint is None):
            raise ValueError("a card has either repo or checkpoint")
        if self.repo is not None and not (is_repo_id(self.repo) and is_revision(self.revision)):
            raise ValueError("repo and revision are no owner/name and branch, tag or commit")
        for path in (self.checkpoint, self.data):
            if path is not None and not all(map(is_plain_name, path.split("/"))):
                raise ValueError(f"{path!r} is no file or folder in the cards' folder")
        return self

    @property
    def contradiction(self) -> str:
        """In what the claims contradict themselves, as a sentence; empty if they do not."""
        return contradiction(self.claims)

    def claims_on(self, task: str) -> list[Claim]:
        """Return the claims about one benchmark."""
        return [claim for claim in self.claims if claim.task == task]


def cards_folder() -> Path:
    """Return the folder of the cards: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
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


def find_repo(repo: str) -> Card | None:
    """Return the card of a repository of the hub, whose names know no case; or None."""
    wanted = repo.casefold()
    return next((card for card in cards().values() if (card.repo or "").casefold() == wanted), None)


def unknown_model(name: str) -> EdgevalError:
    """Return the error for a model that is no card, repository, directory or file."""
    return EdgevalError(
        f"no model '{printable(name)}'{closest(name[:200], cards())}; give a card name (see "
        "edgeval models), a hub repository OWNER/NAME, a checkpoint directory or a .gguf file"
    )


def _read(path: Path) -> Card:
    try:
        text = decoded(read_regular(path, _MAX_BYTES))
        if text.count(".") > _MAX_POINTS:
            raise UnreadableError(f"it has more than {_MAX_POINTS:,} points")
        card = Card.model_validate(_as_printed(tomllib.loads(text, parse_float=_Printed)))
    except OSError as error:
        raise EdgevalError(f"cannot read {path} ({error.strerror}); check it") from error
    except ValidationError as error:
        raise EdgevalError(f"{path}: {problem(error, 'card')}; correct it") from error
    # Python's reader descends into each bracket, and refuses long numbers by itself.
    except (ValueError, RecursionError) as error:
        reason = printable(str(error)) if isinstance(error, ValueError) else "too deeply nested"
        raise EdgevalError(f"{path} is not TOML ({reason}); correct it") from error
    if card.name != path.stem:
        name = printable(card.name, 100)
        raise EdgevalError(f"{path}: the card's name is '{name}'; name it like its file")
    return card


def _as_printed(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a card holds, with the decimals of its numbers and the average of its claims.

    Binary numbers have lost the zeros at their end.
    """
    average = content.get("average")
    if isinstance(average, int | _Printed):
        average = content["average"] = {"value": average, "decimals": _decimals(average)}
    for claim in _tables(content.get("claims")):
        if isinstance(value := claim.get("value"), int | _Printed):
            claim.setdefault("decimals", _decimals(value))
        if average is not None:
            claim.setdefault("row_average", average)
    return content


def _decimals(number: int | _Printed) -> int:
    text = number.text if isinstance(number, _Printed) else ""
    digits = text.replace("_", "").partition(".")[2]
    return min(len(digits), MOST_DECIMALS) if digits.isdecimal() else 0


def _tables(value: object) -> Iterator[dict[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()
