"""Page of all commands and options, made from the command line itself.

Example::

    python -m scripts.docs.commands          # write edgeval/docs/commands.md
    python -m scripts.docs.commands --check  # fail if it is not what would be written

A page is written from the signatures that typer reads, and not from ``--help``, whose looks change
with typer's version and the width of the terminal.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo, OptionInfo, ParamMeta
from typer.utils import get_params_from_function

from edgeval.cli import app

PAGE = Path("edgeval/docs/commands.md")

_HEAD = """\
# Commands and options

What can I type? This page is made from the command line itself, by
`python -m scripts.docs.commands`. `edgeval COMMAND --help` says the same for the version that is
installed.
"""
_OTHERS = "Other options"


class Command(typing.NamedTuple):
    """A command: its words, its function, and what it does where that has no docstring."""

    words: str
    function: Callable[..., Any]
    help: str | None = None

    @property
    def text(self) -> str:
        """Return what it does, in Markdown."""
        return inspect.getdoc(self.function) or self.help or ""

    @property
    def summary(self) -> str:
        """Return the first sentence of what it does."""
        return self.text.partition("\n\n")[0].replace("\n", " ")

    @property
    def anchor(self) -> str:
        """Return the fragment of its heading."""
        return self.words.replace(" ", "-")


def _nothing() -> None:
    pass


def commands(application: typer.Typer, prefix: str = "edgeval") -> Iterator[Command]:
    """Yield all commands in the order of ``--help``, each group before its own."""
    for command in application.registered_commands:
        if command.callback is not None:
            name = command.name or command.callback.__name__.replace("_", "-")
            yield Command(f"{prefix} {name}", command.callback)
    for group in application.registered_groups:
        inner = group.typer_instance
        if inner is None or group.name is None:
            continue
        words = f"{prefix} {group.name}"
        callback = inner.registered_callback
        alone = callback.callback if callback and callback.callback else _nothing
        yield Command(words, alone, str(inner.info.help))
        yield from commands(inner, words)


def _parameters(function: Callable[..., Any]) -> Iterator[ParamMeta]:
    for parameter in get_params_from_function(function).values():
        is_context = inspect.isclass(parameter.annotation) and issubclass(
            parameter.annotation, typer.Context
        )
        if not is_context:
            yield parameter


def _type(annotation: Any) -> Any:
    """Return the type of an option: without ``None``, and of a list that of its elements."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = [a for a in typing.get_args(annotation) if a is not type(None)]
    if typing.get_origin(annotation) is list:
        (annotation,) = typing.get_args(annotation)
    return annotation


def _value(parameter: ParamMeta) -> str:
    """Return what stands behind an option: a placeholder, its choices, or nothing."""
    kind = _type(parameter.annotation)
    if parameter.default.metavar:
        return str(parameter.default.metavar)
    if kind is bool:
        return ""
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return "\\|".join(str(choice.value) for choice in kind)
    return {int: "N", float: "X", Path: "PATH"}.get(kind, "TEXT")


def _default(parameter: ParamMeta) -> str:
    shown, default = parameter.default.show_default, parameter.default.default
    if isinstance(shown, str):
        return shown
    if default is ...:
        return "required"
    if default is None or default is False:
        return ""
    if isinstance(default, Enum):
        default = default.value
    elif isinstance(default, Path):
        default = default.as_posix()
    return f"`{default}`"


def _option(parameter: ParamMeta) -> str:
    """Return a row of a table of options."""
    info: OptionInfo = parameter.default
    names = list(info.param_decls or ())
    if not names:
        dashed = parameter.name.replace("_", "-")
        names = [f"--{dashed}", f"--no-{dashed}"] if _type(parameter.annotation) is bool else []
        names = names or [f"--{dashed}"]
    value = _value(parameter)
    spelled = ", ".join(f"`{name.replace('/', '`, `')}`" for name in names)
    variable = f" Environment: `{info.envvar}`." if info.envvar else ""
    text = f"{info.help or ''}{variable}"
    return f"| {spelled}{f' {value}' if value else ''} | {_default(parameter)} | {text} |"


def _argument(parameter: ParamMeta) -> str:
    """Return a row of a table of arguments."""
    name = (parameter.default.metavar or parameter.name.upper()).strip("[]")
    return f"| `{name}` | {_default(parameter)} | {parameter.default.help or ''} |"


def _usage(command: Command, arguments: list[ParamMeta], has_options: bool) -> str:
    words = [command.words]
    for argument in arguments:
        name = argument.default.metavar or argument.name.upper()
        optional = argument.default.default is not ... and not name.startswith("[")
        words.append(f"[{name}]" if optional else name)
    return " ".join([*words, *(["[OPTIONS]"] if has_options else [])])


def _table(title: str, rows: list[str]) -> str:
    return "\n".join([f"| {title} | default | meaning |", "| --- | --- | --- |", *rows])


def section(command: Command, level: int = 2) -> str:
    """Return what a page says of a command, in Markdown."""
    parameters = list(_parameters(command.function))
    arguments = [p for p in parameters if isinstance(p.default, ArgumentInfo)]
    panels: dict[str, list[str]] = {}
    for parameter in parameters:
        if isinstance(parameter.default, OptionInfo) and not parameter.default.hidden:
            panel = parameter.default.rich_help_panel or _OTHERS
            panels.setdefault(str(panel), []).append(_option(parameter))
    usage = _usage(command, arguments, bool(panels))
    parts = [f"{'#' * level} {command.words}", f"```\n{usage}\n```", command.text]
    if arguments:
        parts.append(_table("argument", [_argument(a) for a in arguments]))
    for title, rows in panels.items():
        parts.append(
            f"{title}:\n\n{_table('option', rows)}" if len(panels) > 1 else _table("option", rows)
        )
    return "\n\n".join(part for part in parts if part)


def _root() -> str:
    callback = app.registered_callback
    assert callback is not None
    assert callback.callback is not None
    rows = [_option(p) for p in _parameters(callback.callback)]
    return f"## Before the command\n\n{_table('option', rows)}"


def page() -> str:
    """Return the whole page."""
    known = list(commands(app))
    contents = [f"| [`{c.words}`](#{c.anchor}) | {c.summary} |" for c in known]
    index = "\n".join(["| command | what it does |", "| --- | --- |", *contents])
    return "\n\n".join([_HEAD + "\n" + index, _root(), *map(section, known)]) + "\n"


def main() -> None:
    """Write the page, or check it."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE} is out of date: run python -m scripts.docs.commands")


if __name__ == "__main__":
    main()
