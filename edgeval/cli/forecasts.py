"""Forecasts that long commands begin with, and the question whether to go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from edgeval.errors import EdgevalError
from edgeval.system.console import stderr_console

if TYPE_CHECKING:
    from edgeval.records.forecast import Forecast
    from edgeval.system.bars import TerminalProgress

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Begin a long run without asking.")]


def confirming(progress: TerminalProgress, *, asks: bool) -> Callable[[Forecast], None]:
    """Return what tells a forecast, and asks whether to go on where somebody can answer.

    Args:
        progress: Where it is told.
        asks: Whether it may ask.
    """

    def confirm(found: Forecast) -> None:
        from edgeval.cli.terminal.forecast import sentences

        for sentence in sentences(found):
            progress.log(sentence)
        has_reader = sys.stdin is not None and sys.stdin.isatty() and stderr_console().is_terminal
        if asks and has_reader:
            answer = progress.ask("go on? [Y/n]").strip().casefold()
            if answer not in ("", "y", "yes"):
                raise EdgevalError("nothing was scored, as you did not want to go on")

    return confirm
