"""Command that shows how the runs of a store changed over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json, StoreFile
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.system.console import print_json

_PAGES = ("history.html", "history.md")


def history(
    store: StoreFile = DEFAULT_STORE,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="NAME", help="A part of a file's name, or how its SHA-256 begins."
        ),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Runs of this task alone.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="The data set of the runs, where it is a file: it says which choices are right.",
            show_default="what is cached, or ships with edgeval",
        ),
    ] = None,
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=1, help="Read the newest N runs.")
    ] = 50,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Write history.html and history.md to this folder."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the pages that --out holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what changed between the runs of a store: accuracy, picks, scores, speed.

    Each run stands beside the run before of the same file, data and protocol, item by item. A
    sentence says what changed since the last version of the engine.
    """
    from edgeval.cli.terminal.history import print_history
    from edgeval.cli.terminal.pages import print_pages
    from edgeval.evaluation.history import history as read_history
    from edgeval.report.page_files import require_new

    if out is not None and not overwrite:
        require_new(out, _PAGES)
    found = read_history(store, file=file, task=task, data=data, last=last)
    if out is not None:
        from edgeval.report.history.pages import write_pages

        write_pages(found, out)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        print_history(found)
    if out is not None:
        print_pages(out, _PAGES, beside_json=as_json)
