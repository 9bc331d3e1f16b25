"""Command that quantizes a GGUF."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from edgeval.cli.app import progress_bars
from edgeval.cli.options import Threads
from edgeval.system.console import say


class TypesCommand(TyperCommand):
    """A command whose help ends with the file types that the installed llama.cpp writes."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, then the types; only then is llama.cpp loaded."""
        from edgeval.cli.terminal.types import print_types
        from edgeval.engine import running

        super().format_help(ctx, formatter)
        with running() as engine:
            print_types(engine.writable_types())


def quantize(
    source: Annotated[Path, typer.Argument(metavar="IN.gguf", help="An F16, BF16 or F32 GGUF.")],
    types: Annotated[list[str], typer.Argument(metavar="TYPE...", help="For example Q4_K_M Q8_0.")],
    out_dir: Annotated[
        Path | None, typer.Option("--out-dir", help="Folder to write to.", show_default="IN's")
    ] = None,
    imatrix: Annotated[
        Path | None,
        typer.Option(
            "--imatrix",
            metavar="FILE",
            help="Importance matrix, of edgeval imatrix or llama-imatrix.",
        ),
    ] = None,
    requantize: Annotated[
        bool, typer.Option("--requantize", help="Accept a GGUF that is quantized already.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Quantize a GGUF to one or several types.

    A file that is there already is used again if it was made in the same way.
    """
    from edgeval.quantization.quantize import quantize as quantize_gguf

    with progress_bars(out_dir or source.parent) as progress:
        made = quantize_gguf(
            source,
            types,
            out_dir,
            imatrix=imatrix,
            requantize=requantize,
            threads=threads,
            progress=progress,
        )
    for path in made:
        say(path)
