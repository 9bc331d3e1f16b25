"""Application: its options, its errors, its exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from edgeval import __version__
from edgeval.errors import INTERRUPTED, EdgevalError, InterruptedRunError
from edgeval.system import interrupts, streams
from edgeval.system.escapes import cut, visible
from edgeval.system.sharing import command_as_typed, shareable_command

if TYPE_CHECKING:
    from edgeval.system.bars import TerminalProgress


_LONGEST_MESSAGE = 4000
"""Characters; libraries and strangers write longer ones."""

# Click's own class, which newer versions of typer bring along under another name.
_UsageErrors: type[Exception] = typer.BadParameter.__mro__[
    typer.BadParameter.__mro__.index(Exception) - 1
]


class _Commands(TyperGroup):
    """Commands that know ``~``, and whose interruption is a sentence of ours, not ``Aborted!``."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        with interrupts.in_words():
            # What stands behind it is another program's.
            own = args.index(_HANDING_ON) if _HANDING_ON in args else len(args)
            given = [*map(_current, args[:own]), *args[own:]]
            return super().make_context(info_name, given, parent, **extra)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        with interrupts.in_words():
            return super().invoke(ctx)


app = typer.Typer(
    name="edgeval",
    cls=_Commands,
    help="How far does each quantized GGUF stay from the fp16 model and the published number?",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_HANDING_ON = "lm-eval"

# What options were called before they had the names of the fields of ``Options``.
_FORMER_NAMES = {"--batch": "--batch-tokens", "--device": "--devices"}


def _current(argument: str) -> str:
    """Return an argument under its name of today, with the home folder for a ``~``.

    The shell leaves that where it stands behind ``=``.
    """
    option, equals, value = argument.partition("=")
    if option in _FORMER_NAMES:
        return _FORMER_NAMES[option] + equals + _expanded(value)
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
        from edgeval.system.console import say

        say(f"edgeval {__version__}")
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
        folders: Where it writes: what killed runs left there and in the cache is removed first.
            ``run`` and ``eval`` name none, for what they call does that itself.
    """
    from edgeval.system.bars import TerminalProgress
    from edgeval.system.console import stderr_console

    with TerminalProgress(stderr_console()) as progress:
        if folders:
            from edgeval.quantization.cache import clean

            clean(progress, *folders)
        yield progress


@contextlib.contextmanager
def engine_starting() -> Iterator[None]:
    """Let llama.cpp get ready in a process of its own, while the rest of a command is loaded."""
    from edgeval.engine import running

    with running() as engine:
        engine.start()
        yield


def command_line(with_paths: bool) -> str:
    """Return what the user typed, for the record: program and options.

    Args:
        with_paths: Whether it keeps folders, and commands for meters.
    """
    given = ["edgeval", *sys.argv[1:]]
    return command_as_typed(given) if with_paths else shareable_command(given)


def typed() -> str:
    """Return what the user typed, with its folders: only a hash of it is written."""
    return "\n".join(sys.argv[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: errors are one sentence on stderr and exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    streams.guard()
    interrupts.stop_alike()
    try:
        with interrupts.in_words():
            code = app(given, prog_name="edgeval", standalone_mode=False)
            streams.flush()
    except _UsageErrors as error:
        _fail_usage(error)
    except typer.Abort:
        _fail("nothing was done", debug)
    except streams.OutputError as error:
        _fail("" if error.is_broken_pipe else str(error), debug, error.exit_code)
    except InterruptedRunError as error:
        _fail(str(error), debug, INTERRUPTED)
    except EdgevalError as error:
        _fail(str(error), debug)
    except OSError as error:
        _fail(_refusal(error), debug)
    except MemoryError:
        _fail("out of memory; use a smaller model, or close other programs", debug)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, debug: bool, code: int = 1) -> NoReturn:
    if debug:
        _print(traceback.format_exc())
    elif message:
        _print(f"error: {visible(cut(message, _LONGEST_MESSAGE))}\n")
    streams.abandon()
    sys.exit(code)


def _refusal(error: OSError) -> str:
    """Return what the system refused where no sentence of ours says more."""
    where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
    return f"{error.strerror or error}{where}; check the path, its permissions and its disk"


def _fail_usage(error: Any) -> NoReturn:
    """Say what was typed wrongly, as click would; a command without arguments showed its help."""
    if type(error).__name__ != "NoArgsIsHelpError":
        context = getattr(error, "ctx", None)
        if context is not None:
            _print(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n")
        _print(f"error: {visible(cut(error.format_message(), _LONGEST_MESSAGE))}\n")
    streams.abandon()
    sys.exit(int(error.exit_code))


def _print(text: str) -> None:
    # A terminal that was closed shows nothing any more.
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
