"""Sharing: what a record that is shown to others says of this machine's folders: nothing."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval.system.escapes import without_surrogates

_ABSOLUTE = re.compile(r"(?:file:)?/|~|\\|[A-Za-z]:[\\/]")
_SEPARATOR = re.compile(r"[\\/]+")
_IN_TEXT = re.compile(
    # Behind a letter a slash divides, as in ``tokens/s``; behind another it is of an address.
    r"(?:(?<!\w)file:(?=//)|(?<![\w.\-~/\\:])(?:~[\w.-]*(?=[\\/])|[A-Za-z]:(?=[\\/])|(?=/|\\\\)))"
    r"(?:[\\/]+[^\\/\s'\"()\[\]<>,;:|]+)+[\\/]*"
)
_QUOTED = re.compile(rf"(['\"])((?:{_ABSOLUTE.pattern})[^'\"\n]*)\1")
"""A path between quotes may have spaces."""
_ACCOUNT = re.compile(r"(?:(?<=://)|(?<![\w/@]))(?:[\w.+-]+:)?[\w.+-]+@[\w-][\w.-]*")
"""Somebody on some machine, as ssh takes it."""
_FEWEST_CHARS = 6
"""Of a name of a user or a host, below which it may well be a word."""
_NOBODYS = {"localhost", "nobody", "runner", "ubuntu", "debian", "raspberrypi", "vagrant"}
"""Names that many have."""

_METERS = ("--watts-command",)
"""Options whose value is a command of the user's own: addresses, accounts and paths."""


def shareable_command(arguments: Sequence[str]) -> str:
    """Return a command line as a shell takes it, with paths cut to what tells no folder.

    A path that is absolute, of somebody's home or above the working folder is cut to its last name,
    and of a command that asks a meter only the program is kept. What else was typed is kept, so
    that the command can be typed again where the files are.
    """
    return command_as_typed(list(_shareable_arguments(arguments)))


def command_as_typed(arguments: Sequence[str]) -> str:
    """Return a command line as a shell takes it, with all that was typed."""
    return without_surrogates(shlex.join(arguments))


def shareable_path(path: str) -> str:
    """Return a path as it was given or, if it tells of folders outside, its last name."""
    parts = [part for part in _SEPARATOR.split(path) if part]
    is_outside = _ABSOLUTE.match(path) or ".." in parts or _home_names() & set(parts[:-1])
    if not is_outside or "://" in path.replace("file://", ""):
        return path
    name = next((part for part in reversed(parts) if part not in {"..", "~", "file:"}), "") or path
    return "~" if name in _home_names() else name


def shareable_text(text: str) -> str:
    """Return a sentence that names no folder outside, no user and no host of this machine.

    Absolute paths are cut to their last names.
    """
    text = _without_paths(text)
    for name, put in _own_names():
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", put, text, flags=re.IGNORECASE)
    return text


def _without_paths(text: str) -> str:
    for path, put in ((os.path.realpath(os.curdir), "."), (_home(), "~")):
        folder = _folder(path)
        if folder is not None:
            text = folder.sub(put, text)
    text = _QUOTED.sub(lambda found: f"{found[1]}{shareable_path(found[2])}{found[1]}", text)
    text = _IN_TEXT.sub(lambda found: shareable_path(found[0].rstrip("\\/")), text)
    return _ACCOUNT.sub("USER@HOST", text)


def _shareable_arguments(arguments: Sequence[str]) -> Iterator[str]:
    before = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if before in _METERS:
            yield _program(argument)
        elif equals and name.startswith("-"):
            yield f"{name}={_program(value) if name in _METERS else _shareable(value)}"
        else:
            yield _shareable(argument)
        before = argument


def _shareable(value: str) -> str:
    shown = shareable_path(value)
    if shown != value:
        return shown
    # A word may be the name of a model, whoever's name it is too.
    return shareable_text(value) if len(value.split()) > 1 else _in_one_word(value)


def _in_one_word(value: str) -> str:
    """Return a list or an assignment without the folders in it; an account may be a revision."""
    return ",".join(shareable_path(each) for each in value.split(",")) if "," in value else value


def _program(command: str) -> str:
    """Return a command with its program alone."""
    name, *more = command.strip().split(maxsplit=1) or [""]
    return f"{shareable_path(name)} \N{HORIZONTAL ELLIPSIS}" if more else shareable_path(name)


def _folder(path: str) -> re.Pattern[str] | None:
    """Return what finds a folder in a text, however its separators are written; None of a root."""
    parts = _SEPARATOR.split(path.rstrip("\\/"))
    if len(parts) < 2:
        return None
    pattern = r"[\\/]+".join(map(re.escape, parts))
    return re.compile(rf"(?:file:/*)?{pattern}(?![\w.-])", re.IGNORECASE)


def _home() -> str:
    """Return the user's home folder; nothing of a user that the system does not know."""
    try:
        return str(Path.home())
    except (RuntimeError, OSError):
        return ""


def _home_names() -> set[str]:
    """Return the name of the user's home folder, as a rule the user's."""
    return {_SEPARATOR.split(_home().rstrip("\\/"))[-1]} - {""}


def _own_names() -> Iterator[tuple[str, str]]:
    """Yield the names of this user and this host, where they are no common words."""
    users = set(_home_names())
    with contextlib.suppress(OSError, KeyError, ImportError):
        users.add(getpass.getuser())
    host = platform.node()
    found = [(name, "USER") for name in users]
    found += [(name, "HOST") for name in (host, host.partition(".")[0])]
    for name, put in found:
        if len(name) >= _FEWEST_CHARS and name.casefold() not in _NOBODYS:
            yield name, put
