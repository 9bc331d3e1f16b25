"""Command that picks one of several GGUFs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeval.cli.app import command_line, engine_starting, progress_bars
from edgeval.cli.options import HARNESS, WHAT, Json, WithPaths, takes_options
from edgeval.errors import EdgevalError
from edgeval.evaluation.options import Options
from edgeval.system.console import print_json, stderr_console
from edgeval.system.streams import OutputError, flush

if TYPE_CHECKING:
    from edgeval.system.bars import TerminalProgress

NONE_PICKED = 3
"""Exit code where no file may be recommended."""

_QUESTION = "Files that lose are deleted from the hub's cache as soon as they have lost?"


def size(text: str | None) -> str | None:
    """Return a size as it was typed, if it is one."""
    from edgeval.system.sizes import n_bytes

    if text is not None:
        try:
            n_bytes(text)
        except EdgevalError as error:
            raise typer.BadParameter(str(error)) from error
    return text


# What --max-drift says, and an order that is no sample.
@takes_options(without=("until", "margin", "order", *HARNESS))
def pick(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Hub repository of GGUFs, or OWNER/NAME:TYPE; or .gguf files, or folders of them.",
        ),
    ],
    max_drift: Annotated[
        float,
        typer.Option(
            "--max-drift",
            metavar="POINTS",
            help="The file is shown to be at most POINTS worse than the reference.",
            rich_help_panel=WHAT,
        ),
    ] = 1.0,
    max_size: Annotated[
        str | None,
        typer.Option(
            "--max-size",
            metavar="SIZE",
            callback=size,
            help="Largest size: 2G, 1.5GiB or 700M; 2GB is decimal.",
            show_default="any",
            rich_help_panel=WHAT,
        ),
    ] = None,
    min_speed: Annotated[
        float | None,
        typer.Option(
            "--min-speed",
            metavar="TOKENS/S",
            help="Fewest tokens a second that it generates on this machine.",
            show_default="any",
            rich_help_panel=WHAT,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="Compare with a type or file of these, another GGUF, the repository of the model, "
            "or a file of edgeval reference export.",
            show_default="the most precise file",
            rich_help_panel=WHAT,
        ),
    ] = None,
    force_compare: Annotated[
        bool,
        typer.Option(
            "--force-compare",
            help="Compare files that are not shown to be of one model.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    *,
    options: Options,
    deletes: Annotated[
        bool | None,
        typer.Option(
            "--yes/--keep",
            help="Delete files that were downloaded for this as soon as they have lost, or keep "
            "them.",
            show_default="asks; keeps where nobody can answer",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder of the record and the report.",
            show_default="edgeval-results/pick-MODEL-KEY",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another pick that --out holds.")
    ] = False,
    with_paths: WithPaths = False,
    as_json: Json = False,
) -> None:
    """Find the smallest of several GGUFs that is shown to be good enough.

    Files are tried from the smallest on, and downloaded one at a time. Nothing larger than the
    answer is downloaded, but for the reference. The same command goes on after an interruption.

    Exit code 3: none of the files may be recommended.
    """
    with engine_starting():
        from edgeval.cli.terminal.pick import print_pick
        from edgeval.cli.terminal.report import print_files
        from edgeval.evaluation.pick import pick as picking

        with progress_bars() as progress:
            found, folder, path = picking.pick(
                models,
                options,
                max_drift=max_drift,
                max_size=max_size,
                min_speed=min_speed,
                reference=reference,
                force_compare=force_compare,
                deletes=_asking(progress) if deletes is None else deletes,
                out=out,
                overwrite=overwrite,
                command=command_line(with_paths),
                progress=progress,
            )
    try:
        if as_json:
            print_json(found.model_dump_json(indent=2))
            print_files(folder, stderr_console())
        else:
            print_pick(found, path)
            print_files(folder)
        flush()
    except OutputError as error:
        raise error.keeping(f"the record is whole, in {folder}") from error
    picking.require_all(found)
    if found.recommended is None:
        raise typer.Exit(NONE_PICKED)


def _asking(progress: TerminalProgress) -> Callable[[], bool]:
    """Return what asks once whether files that lose are deleted, where somebody can answer."""

    def ask() -> bool:
        if sys.stdin is None or not sys.stdin.isatty():
            progress.log("files that lose are kept in the hub's cache; --yes deletes them")
            return False
        return progress.ask(f"{_QUESTION} [y/N]").strip().casefold() in ("y", "yes")

    return ask
