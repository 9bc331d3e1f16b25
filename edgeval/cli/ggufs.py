"""Commands that make GGUF files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.cli.options import DataType, Threads


def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Checkpoint directory.")],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT.gguf]", help="File to write.", show_default="SRC-DTYPE.gguf"),
    ] = None,
    dtype: Annotated[DataType, typer.Option("--dtype", help="Type of the matrices.")] = (
        DataType.f16
    ),
) -> None:
    """Convert a Hugging Face checkpoint directory to GGUF."""
    from edgeval.convert import convert as convert_checkpoint

    name = source.resolve().name
    with progress_bars() as progress:
        made = convert_checkpoint(
            source,
            target or Path(f"{name}-{dtype.value.upper()}.gguf"),
            dtype.value,
            progress=progress,
        )
    typer.echo(made)


def quantize(
    source: Annotated[Path, typer.Argument(metavar="IN.gguf", help="An F16, BF16 or F32 GGUF.")],
    types: Annotated[list[str], typer.Argument(metavar="TYPE...", help="For example Q4_K_M Q8_0.")],
    out_dir: Annotated[
        Path | None, typer.Option("--out-dir", help="Folder to write to.", show_default="IN's")
    ] = None,
    threads: Threads = None,
) -> None:
    """Quantize a GGUF to one or several types."""
    from edgeval.quantize import quantize as quantize_gguf

    with progress_bars() as progress:
        made = quantize_gguf(source, types, out_dir, threads=threads, progress=progress)
    for path in made:
        typer.echo(path)
