"""Listing of a repository, as a hub answers it: nothing of it is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edgeval.hub.cache import RemoteFile
from edgeval.hub.names import COMMIT, HASH, is_plain_name, is_plain_path, is_repo_id
from edgeval.system.untrusted import UnreadableError, printable

_ARCHITECTURE = re.compile(r"[\w.-]{1,60}", re.ASCII)
_MOST_BASES = 20
"""Of a merge; of them only the first that can be one is read."""


@dataclass(frozen=True)
class Listing:
    """What a repository holds at a commit.

    Attributes:
        commit: 40 hexadecimal digits.
        files: Its files by name, those in folders only if they are GGUFs. Names that not every
            system has are left out.
        odd_ggufs: The names of GGUFs that were, as they can be shown.
        base_model: The repository that the model was made from, as its card says.
        n_params: Parameters of a GGUF of it, as the hub read them.
        architecture: The architecture that this GGUF names.
    """

    commit: str
    files: dict[str, RemoteFile]
    odd_ggufs: tuple[str, ...] = ()
    base_model: str | None = None
    n_params: int | None = None
    architecture: str | None = None


def read_listing(content: Any) -> Listing:
    """Return the listing that an answer holds.

    Args:
        content: What https://huggingface.co/docs/hub/api answers for a model with ``blobs=true``,
            parsed.

    Raises:
        UnreadableError: If it is none, as a clause.
    """
    if not isinstance(content, dict):
        raise UnreadableError("it is no object")
    commit, siblings = content.get("sha"), content.get("siblings")
    if not isinstance(commit, str) or COMMIT.fullmatch(commit) is None:
        raise UnreadableError(f"its commit is {_shown(commit)}")
    if not isinstance(siblings, list):
        raise UnreadableError(f"its list of files is {_shown(siblings)}")
    files: dict[str, RemoteFile] = {}
    odd = []
    for entry in siblings:
        name = entry.get("rfilename") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise UnreadableError(f"it lists a file as {_shown(entry)}")
        is_gguf = name.endswith(".gguf")
        if is_plain_name(name) or (is_gguf and is_plain_path(name)):
            if name in files:
                raise UnreadableError(f"it lists {name} twice")
            files[name] = _file(name, entry)
        elif is_gguf:
            odd.append(printable(name, 100))
    return Listing(commit, files, tuple(odd), _base_model(content), *_gguf(content))


def _file(name: str, entry: dict[str, Any]) -> RemoteFile:
    lfs = entry.get("lfs")
    if not isinstance(lfs, dict | None):
        raise UnreadableError(f"{name} has the LFS {_shown(lfs)}")
    size = entry.get("size", 0)
    if type(size) is not int or size < 0:
        raise UnreadableError(f"{name} has the size {_shown(size)}")
    digest = lfs.get("sha256") if lfs else entry.get("blobId")
    # Some hubs list files without hashes; they are refused only if they are wanted.
    if digest is not None and (not isinstance(digest, str) or HASH.fullmatch(digest) is None):
        raise UnreadableError(f"{name} has the hash {_shown(digest)}")
    return RemoteFile(name, size, digest or "")


def _base_model(content: dict[str, Any]) -> str | None:
    """Return the first repository that the front matter of the card names as ``base_model``."""
    card = content.get("cardData")
    named = card.get("base_model") if isinstance(card, dict) else None
    names = named[:_MOST_BASES] if isinstance(named, list) else [named]
    return next((name for name in names if isinstance(name, str) and is_repo_id(name)), None)


def _gguf(content: dict[str, Any]) -> tuple[int | None, str | None]:
    """Return the parameters and the architecture that the hub found in a GGUF."""
    found = content.get("gguf")
    found = found if isinstance(found, dict) else {}
    total, architecture = found.get("total"), found.get("architecture")
    is_name = isinstance(architecture, str) and _ARCHITECTURE.fullmatch(architecture)
    return (
        total if type(total) is int and total > 0 else None,
        architecture if is_name else None,
    )


def _shown(value: object) -> str:
    return printable(repr(value), 60)
