"""Own cards: those that a user adds to the ones that ship with edgeval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgeval.checkpoints import card_text, cards
from edgeval.errors import EdgevalError
from edgeval.hub.names import is_plain_name
from edgeval.system.files import write_text
from edgeval.system.untrusted import printable


def add(source: Path, *, overwrite: bool = False) -> tuple[Path, list[str]]:
    """Put a card into the user's folder, so that commands know it by its name.

    Args:
        source: The file of the card.
        overwrite: Whether another card of its name, which is there, is replaced.

    Returns:
        Where the card is now; and what is to be known of it, in sentences, none as a rule.

    Raises:
        EdgevalError: If it is no card that a user can bring, its name is another card's, or it
            cannot be written.
    """
    text = card_text.read(source)
    card = cards.require_own(cards.parse(text, source), source)
    if not is_plain_name(card.name):
        raise EdgevalError(
            f"{source}: '{printable(card.name, 100)}' cannot be the name of a file on every "
            "system; use letters, digits and .-_+"
        )
    cards.require_new(card.name, source)
    target = cards.own_folder() / f"{card.name}.toml"
    if not overwrite and target.exists() and card_text.read(target) != text:
        raise EdgevalError(
            f"there is another card '{card.name}' in {target.parent}; add --overwrite to replace it"
        )
    remarks = [*_of_repo(card), *([card.contradiction] if card.contradiction else [])]
    write_text(target, text)
    return target, remarks


def remove(name: str) -> Path:
    """Remove a card of the user's own, also one that is malformed.

    Returns:
        The file that is gone.

    Raises:
        EdgevalError: If there is none of that name, or it cannot be removed.
    """
    target = cards.own_folder() / f"{name}.toml"
    if is_plain_name(name) and target.is_file():
        try:
            target.unlink()
        except OSError as error:
            raise EdgevalError(
                f"cannot remove {target} ({error.strerror}); check its permissions"
            ) from error
        return target
    if name in cards.cards():
        raise EdgevalError(f"'{name}' ships with edgeval, and only cards of your own are removed")
    raise cards.unknown_card(name)


def _of_repo(card: cards.Card) -> Iterator[str]:
    """Yield which other card is of the same repository, if one is, as a sentence."""
    known = cards.find_repo(card.repo or "")
    if known is not None and known.name != card.name:
        yield (
            f"{card.repo} has the card '{known.name}' too; files that say they are of it are "
            "judged by yours, unless --card names the other."
        )
