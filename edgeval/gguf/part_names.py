"""Names of the files of a split GGUF, ``NAME-00001-of-00003.gguf`` and so on; nothing is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)


@dataclass(frozen=True)
class PartName:
    """The name of one file of a split model.

    Attributes:
        path: The file.
        stem: What the names of all of them begin with.
        number: Which of them it is, from 1.
        count: How many there are.
    """

    path: Path
    stem: str
    number: int
    count: int

    def all(self) -> tuple[Path, ...]:
        """Return the paths of all of them, in their order."""
        return tuple(
            self.path.with_name(numbered(self.stem, number, self.count))
            for number in range(1, self.count + 1)
        )


def part_name(path: Path) -> PartName | None:
    """Return what a file's name says, if it is that of a split model's file."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    return PartName(path, found["stem"], int(found["number"]), int(found["count"]))


def numbered(stem: str, number: int, count: int) -> str:
    """Return the name of one file of a split model."""
    return f"{stem}-{number:05d}-of-{count:05d}.gguf"


def model_stem(path: Path) -> str:
    """Return a GGUF's name without its suffix, and without which part it is."""
    found = part_name(path)
    return path.stem if found is None else found.stem
