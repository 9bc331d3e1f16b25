"""The application: its options, its errors, its exit codes."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from edgeval import __version__
from edgeval.errors import EdgevalError, InterruptedRunError

if TYPE_CHECKING:
    from edgeval.console import TerminalProgress


_INTERRUPTED = 130
"""Exit code of shells for a program that Ctrl-C ended."""


class _Commands(TyperGroup):
    """Commands that know ``~``, and whose interruption is a sentence of ours, not ``Aborted!``."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        given = [_without_tilde(each) for each in args]
        return super().make_context(info_name, given, parent, **extra)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise InterruptedRunError(str(stop)) from None


app = typer.Typer(
    name="edgeval",
    cls=_Commands,
    help="How far does each quantized GGUF stay from the fp16 model and the published number?",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _without_tilde(argument: str) -> str:
    """Return an argument with the home folder for a ``~`` that the shell left, as behind ``=``."""
    option, equals, value = argument.partition("=")
    if option.startswith("--") and equals:
        return f"{option}={_expanded(value)}"
    return _expanded(argument)


def _expanded(value: str) -> str:
    if not value.startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        # There is no such user, so it is the name of something else.
        return value


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgeval {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    pass


@contextlib.contextmanager
def progress_bars(*folders: Path) -> Iterator[TerminalProgress]:
    """Yield the bars that a command shows on stderr while it works.

    Args:
        folders: Where it writes: what killed runs left there is removed first.
    """
    from edgeval.cache import clean
    from edgeval.console import TerminalProgress, stderr_console

    with TerminalProgress(stderr_console()) as progress:
        clean(progress, *folders)
        yield progress


@contextlib.contextmanager
def engine_starting() -> Iterator[None]:
    """Let llama.cpp get ready in a process of its own, while the rest of a command is loaded."""
    from edgeval.engine import running

    with running() as engine:
        engine.start()
        yield


def command_line() -> str:
    """Return what the user typed, for the record."""
    return " ".join(["edgeval", *sys.argv[1:]])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: errors are one sentence on stderr and exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    _stop_alike()
    try:
        app(given, prog_name="edgeval")
    except InterruptedRunError as error:
        _fail(str(error), debug, _INTERRUPTED)
    except EdgevalError as error:
        _fail(str(error), debug)
    except MemoryError:
        _fail("out of memory; use a smaller model, or close other programs", debug)


def _stop_alike() -> None:
    """Let who stops a service, shuts a machine down or closes a terminal lose no more than Ctrl-C.

    What is ignored stays so: ``nohup`` ignores that the terminal is closed.
    """
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _fail(message: str, debug: bool, code: int = 1) -> None:
    if debug:
        raise
    # A terminal that was closed shows nothing any more.
    with contextlib.suppress(OSError):
        typer.echo(f"error: {message}", err=True)
    sys.exit(code)
