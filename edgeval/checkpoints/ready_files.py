"""Ready files: GGUFs that somebody made already, named one by one, by a folder or by a pattern."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeval.gguf.architectures import no_model
from edgeval.gguf.header import Header
from edgeval.gguf.parts import model_files, read_header
from edgeval.hub.names import is_repo_id

_PATTERN = re.compile(r"[*?\[]")
_HUB = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)/?")
_SOURCES = ("general.source.repo_url", "general.source.huggingface.repository")
_BASES = ("general.base_model.0.repo_url",)
_FINETUNE = "general.finetune"


@dataclass(frozen=True)
class ReadyFile:
    """A GGUF that somebody made.

    Attributes:
        path: The file; of a split model the first one.
        name: What it is known by: its path as it was typed, or its name with its repository.
    """

    path: Path
    name: str


def in_folder(folder: Path) -> list[ReadyFile]:
    """Return the GGUFs in a folder and in those in it, each model once, in the order of names.

    What is no model (parts that read images, importance matrices, adapters) is left out: folders
    that were downloaded hold these too.

    Raises:
        GgufError: If one is damaged, or a part of a split one is missing.
    """
    paths = sorted(path for pattern in ("*.gguf", "*/*.gguf") for path in folder.glob(pattern))
    return [each for each in _each_once(paths) if no_model(read_header(each.path)) is None]


def matching(pattern: str) -> list[ReadyFile] | None:
    """Return the GGUFs that a pattern of a shell names; None if the text is no pattern.

    Not every shell expands patterns before a program sees them.
    """
    if _PATTERN.search(pattern) is None or Path(pattern).exists():
        return None
    paths = sorted(map(Path, glob.glob(pattern)))  # noqa: PTH207 - it may be absolute
    return list(_each_once(path for path in paths if path.suffix == ".gguf"))


def _each_once(paths: Iterable[Path]) -> Iterator[ReadyFile]:
    """Yield each model once, by its first file."""
    for first in dict.fromkeys(model_files(path)[0] for path in paths if path.is_file()):
        yield ReadyFile(first, str(first))


def source_repo(header: Header) -> str | None:
    """Return the repository that a GGUF says it was made of; None if it says none.

    What converters call the base model may be what the model was trained from, unless its name says
    how the model was trained further (``general.finetune``).

    Args:
        header: The GGUF; nothing that it says is believed beyond a name.
    """
    for key in _SOURCES:
        if found := _repo(header.text(key)):
            return found
    finetune = (header.text(_FINETUNE) or "").casefold()
    bases = (_repo(header.text(key)) for key in _BASES)
    return next((base for base in bases if base and finetune in base.casefold()), None)


def _repo(text: str | None) -> str | None:
    if text is None or len(text) > 200:
        return None
    found = _HUB.fullmatch(text)
    name = found[1] if found else text
    return name if is_repo_id(name) else None
