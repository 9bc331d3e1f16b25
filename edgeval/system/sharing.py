"""Sharing: what a record that is shown to others says of this machine's folders: nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from edgeval.system.escapes import without_surrogates

_ABSOLUTE = re.compile(r"(?:file:)?/|~|\\|[A-Za-z]:[\\/]")
_SEPARATOR = re.compile(r"[\\/]+")
_IN_TEXT = re.compile(
    # Behind a letter a slash divides, as in ``tokens/s``; behind another it is of an address.
    r"(?<![\w.\-~/\\:])(?:~(?=/)|[A-Za-z]:(?=[\\/])|(?=/))(?:[\\/]+[^\\/\s'\"()\[\]<>,;:|]+)+[\\/]*"
)


def shareable_command(arguments: Sequence[str]) -> str:
    """Return a command line as a shell takes it, with paths cut to what tells no folder.

    A path that is absolute, of somebody's home or above the working folder is cut to its last name.
    What else was typed is kept, so that the command can be typed again where the files are.
    """
    return without_surrogates(shlex.join(_shareable(each) for each in arguments))


def shareable_path(path: str) -> str:
    """Return a path as it was given or, if it tells of folders outside, its last name."""
    parts = [part for part in _SEPARATOR.split(path) if part]
    is_outside = _ABSOLUTE.match(path) or ".." in parts or _home_names() & set(parts[:-1])
    if not is_outside or "://" in path.replace("file://", ""):
        return path
    name = next((part for part in reversed(parts) if part not in {"..", "~", "file:"}), "") or path
    return "~" if name in _home_names() else name


def shareable_text(text: str) -> str:
    """Return a sentence in which absolute paths are cut to their last names."""
    return _IN_TEXT.sub(lambda found: shareable_path(found[0].rstrip("\\/")), text)


def _shareable(argument: str) -> str:
    name, equals, value = argument.partition("=")
    if equals and name.startswith("-"):
        return f"{name}={shareable_path(value)}"
    return shareable_path(argument)


def _home_names() -> set[str]:
    """Return the name of the user's home folder, as a rule the user's."""
    try:
        name = Path.home().name
    except (RuntimeError, OSError):  # A user that the system does not know.
        return set()
    return {name} - {""}
