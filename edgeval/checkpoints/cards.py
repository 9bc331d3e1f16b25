"""Model cards: where a checkpoint lives, and which numbers are published of it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError, model_validator

from edgeval.checkpoints import card_text
from edgeval.errors import EdgevalError, closest
from edgeval.hub.names import is_plain_name, is_repo_id, is_revision
from edgeval.records import Average, Claim, Record
from edgeval.stats.contradictions import contradiction
from edgeval.system.untrusted import printable, problem


class Card(Record):
    """One model.

    Attributes:
        name: What users type.
        title: What reports call it.
        repo: Repository on the hub, or None for a checkpoint that ships with edgeval.
        revision: Branch, tag or commit on the hub.
        family: The models that it is one of, if there are several.
        parameters_millions: About how many parameters it has, if known; cards are listed by it.
        training_tokens_billions: How long it was trained, if known.
        is_llama: Whether it has the one architecture that edgeval converts; of any other, GGUFs are
            evaluated.
        checkpoint: Folder in the cards' folder, for a checkpoint that ships with edgeval.
        data: Data file in the cards' folder that is evaluated by default; None for the hub's.
        average: The published average of all the claims.
        claims: The published numbers.
    """

    name: str
    title: str
    repo: str | None = None
    revision: str = "main"
    family: str | None = None
    parameters_millions: float | None = None
    training_tokens_billions: float | None = None
    is_llama: bool = True
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


def cards_folder() -> Path:
    """Return the folder of the cards: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


@functools.cache
def cards() -> dict[str, Card]:
    """Return the cards that ship with edgeval by name: by family, the smallest first.

    Raises:
        EdgevalError: If a card is malformed.
    """
    return _by_name(_like_its_file(path, read(path)) for path in _files(cards_folder()))


def own_folder() -> Path:
    """Return where a user's own cards are: ``EDGEVAL_CARDS``, or in the platform's folder."""
    if configured := os.environ.get("EDGEVAL_CARDS"):
        return Path(configured).expanduser()
    import platformdirs  # Who names a folder needs none of the platform's.

    return Path(platformdirs.user_config_dir("edgeval")) / "models"


def own_cards() -> tuple[dict[str, Card], list[str]]:
    """Return a user's own cards by name, and what keeps others of them from being used.

    Returns:
        The cards, in the order of ``cards``; and a sentence a file that is none.
    """
    found, problems = [], []
    for path in _files(own_folder()):
        try:
            found.append(_own(path))
        except EdgevalError as error:
            problems.append(str(error))
    return _by_name(found), problems


def find(name: str) -> Card | None:
    """Return the card of a name, which may be a user's own; or None.

    Raises:
        EdgevalError: If the user's own card of that name cannot be used, or is not the only one.
    """
    if is_plain_name(name) and (path := own_folder() / f"{name}.toml").is_file():
        return _own(path)
    return cards().get(name)


def find_repo(repo: str) -> Card | None:
    """Return the card of a repository of the hub, whose names know no case; or None.

    A user's own goes before one that ships with edgeval. What is malformed has no repository.
    """
    wanted = repo.casefold()
    known = (*own_cards()[0].values(), *cards().values())
    return next((card for card in known if (card.repo or "").casefold() == wanted), None)


def of_checkpoint(repo: str, revision: str) -> Card | None:
    """Return the card of a checkpoint on the hub, which is one of a revision; or None.

    Raises:
        EdgevalError: If the card says that edgeval cannot convert it.
    """
    card = find_repo(repo)
    if card is None:
        return None
    require_llama(card)
    return card if card.revision == revision else None


def unknown_card(name: str) -> EdgevalError:
    """Return the error for a name that no card has."""
    return EdgevalError(f"no card '{printable(name)}'{_closest(name)}; edgeval models lists them")


def unknown_model(name: str) -> EdgevalError:
    """Return the error for a model that is no card, repository, directory or file."""
    return EdgevalError(
        f"no model '{printable(name)}'{_closest(name)}; give a card name (see edgeval models), a "
        "hub repository OWNER/NAME, a checkpoint directory or a .gguf file"
    )


def require_llama(card: Card) -> None:
    """Raise before anything is downloaded if edgeval cannot convert the checkpoint of a card.

    Raises:
        EdgevalError: If it is so.
    """
    if not card.is_llama:
        raise EdgevalError(
            f"{printable(card.title)} is no Llama model, and edgeval converts no other; evaluate "
            f"GGUFs of it with edgeval run FILE.gguf --card {card.name}"
        )


def read(path: Path) -> Card:
    """Return the card that a file holds.

    Raises:
        EdgevalError: If it cannot be read, or is malformed.
    """
    return parse(card_text.read(path), path)


def parse(text: str, path: Path) -> Card:
    """Return the card that a text is.

    Args:
        text: The text, TOML.
        path: Its file, which errors name.

    Raises:
        EdgevalError: If it is malformed.
    """
    try:
        return Card.model_validate(card_text.content(text, path))
    except ValidationError as error:
        raise EdgevalError(f"{path}: {problem(error, 'card')}; correct it") from error
    except RecursionError as error:
        raise card_text.no_toml(path, error) from error


def require_own(card: Card, path: Path) -> Card:
    """Return a card if it is one that a user can bring: it needs no file beside its own.

    Raises:
        EdgevalError: If it is none.
    """
    if card.checkpoint is not None or card.data is not None:
        raise EdgevalError(
            f"{path}: only cards that ship with edgeval have a checkpoint or data; name the "
            "repository with repo, and items with --data"
        )
    return card


def require_new(name: str, path: Path) -> None:
    """Raise unless a name is free for a user's own card.

    Raises:
        EdgevalError: If a card that ships with edgeval has it.
    """
    if name in cards():
        raise EdgevalError(
            f"{path}: a card that ships with edgeval has the name '{name}' already; give yours "
            "another"
        )


def _own(path: Path) -> Card:
    """Return a card in a user's folder."""
    card = require_own(_like_its_file(path, read(path)), path)
    require_new(card.name, path)
    return card


def _like_its_file(path: Path, card: Card) -> Card:
    if card.name != path.stem:
        name = printable(card.name, 100)
        raise EdgevalError(f"{path}: the card's name is '{name}'; name it like its file")
    return card


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def _by_name(found: Iterable[Card]) -> dict[str, Card]:
    return {card.name: card for card in sorted(found, key=_order)}


def _order(card: Card) -> tuple[str, float, float, str]:
    """Return what cards are ordered by: their family, and how large and how long trained."""
    size, tokens = card.parameters_millions or 0, card.training_tokens_billions or 0
    return (card.family or "").casefold(), size, tokens, card.name


def _closest(name: str) -> str:
    return closest(name[:200], [*cards(), *(path.stem for path in _files(own_folder()))])
