"""Command that looks into a GGUF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import Json
from edgeval.system.console import print_json


def inspect(
    gguf: Annotated[Path, typer.Argument(metavar="FILE.gguf", help="Any GGUF.")],
    as_json: Json = False,
) -> None:
    """Show what a GGUF says of itself: metadata, tokenizer, tensors."""
    from edgeval.cli.terminal import inspection as terminal
    from edgeval.gguf.inspect import inspect as inspect_gguf

    with progress_bars() as progress:
        found = inspect_gguf(gguf, progress=progress)
    if as_json:
        print_json(terminal.inspection_json(found))
    else:
        terminal.print_inspection(found)
