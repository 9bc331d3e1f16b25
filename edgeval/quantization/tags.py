"""Tags: what tells ready files of one type apart, by what they and their names say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgeval.records.results import MOST_NAME_CHARS
from edgeval.system.untrusted import printable

_CHARS = 40
_DIGITS = 8
_WORDS = re.compile(r"[^-./\\ ]+")


@dataclass(frozen=True)
class TagSource:
    """What a file is known by.

    Attributes:
        name: Its name with the folder or the repository that it is in, without its suffix.
        quantized_by: Who quantized it, as it says; None where it does not.
        sha256: Its hash.
    """

    name: str
    quantized_by: str | None
    sha256: str


def tags(files: Sequence[TagSource]) -> list[str | None]:
    """Return what tells files that reports would call the same apart, in their order.

    That is who quantized a file, where it says so and no other says the same. Of the rest it is the
    words of their names that not all of them have, of which one file may have none; then those of
    their folders too; otherwise the beginning of their hashes.

    Args:
        files: Files of one type; one alone needs no tag.
    """
    if len(files) < 2:
        return [None] * len(files)
    makers = [_shown(each.quantized_by or "") for each in files]
    of_makers = {at: maker for at, maker in enumerate(makers) if maker and makers.count(maker) == 1}
    rest = [at for at in range(len(files)) if at not in of_makers]
    names = [files[at].name for at in rest]
    for texts in ([re.split(r"[/\\]", name)[-1] for name in names], names):
        found = of_makers | dict(zip(rest, _distinct_words(texts), strict=True))
        if len(set(found.values())) == len(files):
            return [found[at] or None for at in range(len(files))]
    return [each.sha256[:_DIGITS] for each in files]


def _distinct_words(names: Sequence[str]) -> list[str]:
    """Return of each name the words between those that all names begin and end with."""
    split = [_WORDS.findall(name) for name in names]
    n_first = _n_common(split)
    rest = [words[n_first:] for words in split]
    n_last = _n_common([words[::-1] for words in rest])
    return [_shown("-".join(words[: len(words) - n_last])) for words in rest]


def _n_common(lists: Sequence[Sequence[str]]) -> int:
    """Return how many words all lists begin with."""
    alike = (len(set(words)) == 1 for words in zip(*lists, strict=False))
    return sum(itertools.takewhile(bool, alike))


def _shown(text: str) -> str:
    return printable(" ".join(text.split()), _CHARS)[:MOST_NAME_CHARS]
