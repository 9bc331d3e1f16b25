"""Command that computes an importance matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import Pre, Threads
from edgeval.system.console import say


def imatrix(
    model: Annotated[Path, typer.Argument(metavar="GGUF", help="As a rule, the F16 model.")],
    data: Annotated[Path, typer.Option("--data", metavar="TEXT", help="Text file in UTF-8.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write, a .gguf.")],
    context: Annotated[int, typer.Option("--context", min=1, help="Tokens of a chunk.")] = 512,
    chunks: Annotated[
        int | None, typer.Option("--chunks", min=1, help="Read the first N chunks of the text.")
    ] = None,
    pre: Pre = None,
    threads: Threads = None,
) -> None:
    """Compute an importance matrix on a text, for quantize."""
    from edgeval.quantization.imatrix import imatrix as compute_imatrix

    with progress_bars(out.parent) as progress:
        made = compute_imatrix(
            model,
            data,
            out,
            chunk_tokens=context,
            chunks=chunks,
            pre=pre,
            threads=threads,
            progress=progress,
        )
    say(made)
