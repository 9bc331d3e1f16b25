"""Names that come from a hub or a user, and addresses as they may be shown."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from edgeval.system.untrusted import printable

COMMIT: Final = re.compile(r"[0-9a-f]{40}")
HASH: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

_OWNER_AND_NAME = re.compile(r"\b[\w.-]{1,96}\b/\b[\w.-]{1,96}\b", re.ASCII)
_PLAIN = re.compile(r"[\w.+-]{1,200}", re.ASCII)
MOST_LEVELS: Final = 4
"""Of a path in a repository: folders of types, and of what they hold."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Devices of Windows, whatever follows the point:
https://learn.microsoft.com/windows/win32/fileio/naming-a-file."""

_SECRETS: Final = (
    (re.compile(r"(\w://)[^/\s'\"?#]*@"), r"\1***@"),
    (re.compile(r"(/[^\s'\"?#]*)\?[^\s'\"]+"), r"\1?***"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\"]+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"\bhf_\w{4,}"), "hf_***"),
)
"""Names and passwords of addresses, what follows a question mark (signed addresses), and tokens."""


class ModelName(NamedTuple):
    """A model of the hub, as it is typed.

    Attributes:
        repo: ``owner/name``.
        revision: Branch, tag or commit.
        gguf: Which of the repository's GGUFs, by its type or file; None if that is not said.
    """

    repo: str
    revision: str = "main"
    gguf: str | None = None


def parse_model(text: str) -> ModelName | None:
    """Return what ``OWNER/NAME``, ``OWNER/NAME:Q4_K_M`` or ``OWNER/NAME@REVISION:Q4_K_M`` names.

    The colon is that of llama.cpp's ``-hf`` and of Ollama's ``hf.co/OWNER/NAME:Q4_K_M``.

    Returns:
        None if it names nothing of a hub: a path, for example, with or without a drive.
    """
    where, colon, gguf = text.partition(":")
    repo, at, revision = where.partition("@")
    if not is_repo_id(repo) or (at and not is_revision(revision)):
        return None
    if colon and not is_plain_path(gguf):
        return None
    return ModelName(repo, revision or "main", gguf or None)


def is_repo_id(text: str) -> bool:
    """Say whether ``text`` has the shape ``owner/name`` that the hub allows."""
    forbidden = "--" in text or ".." in text or text.endswith(".git")
    return _OWNER_AND_NAME.fullmatch(text) is not None and not forbidden


def is_plain_name(name: Any) -> bool:
    """Say whether a name is that of one file in one folder, on every system."""
    if not isinstance(name, str) or _PLAIN.fullmatch(name) is None:
        return False
    return not name.startswith("-") and name.strip(".") == name and not _RESERVED.fullmatch(name)


def is_plain_path(name: Any) -> bool:
    """Say whether a name is that of a file in a folder or in a few folders, on every system."""
    parts = name.split("/") if isinstance(name, str) else []
    return 0 < len(parts) <= MOST_LEVELS and all(map(is_plain_name, parts))


def is_revision(text: str) -> bool:
    """Say whether ``text`` can be a branch, a tag or a commit, and a file under a folder of refs.

    Narrower than git's own rule, https://git-scm.com/docs/git-check-ref-format.
    """
    return len(text) <= 200 and all(map(is_plain_name, text.split("/")))


def redacted(text: str) -> str:
    """Return a text of the network for a sentence: one line, not long, without what is secret."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return printable(text)


def is_same_hub(address: str, target: str) -> bool:
    """Say whether a token for one address may go to another: the same host, not less secure."""
    origins = {_origin(address), _origin(target)}
    scheme, host, port = _origin(address)
    return len(origins) == 1 or (
        (scheme, port) == ("http", 80) and _origin(target) == ("https", host, 443)
    )


def _origin(address: str) -> tuple[str, str, int]:
    parts = urlsplit(address)
    default = {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default
