"""Commands that make GGUF files, or look into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from edgeval.cli.app import progress_bars
from edgeval.cli.options import DataType, Json, Pre, Threads
from edgeval.system.console import print_json, say


def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Checkpoint directory.")],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT.gguf]", help="File to write.", show_default="SRC-DTYPE.gguf"),
    ] = None,
    dtype: Annotated[
        DataType, typer.Option("--dtype", case_sensitive=False, help="Type of the matrices.")
    ] = DataType.f16,
) -> None:
    """Convert a Hugging Face checkpoint directory to GGUF."""
    from edgeval.checkpoints.convert.convert import convert as convert_checkpoint

    made = target or Path(f"{source.resolve().name}-{dtype.value.upper()}.gguf")
    with progress_bars(made.parent) as progress:
        convert_checkpoint(source, made, dtype.value, progress=progress)
    say(made)


class TypesCommand(TyperCommand):
    """A command whose help ends with the file types that the installed llama.cpp writes."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, then the types; only then is llama.cpp loaded."""
        from edgeval.cli.terminal import terminal
        from edgeval.engine import running

        super().format_help(ctx, formatter)
        with running() as engine:
            terminal.print_types(engine.writable_types())


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
    from edgeval.quantize.quantize import quantize as quantize_gguf

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
    from edgeval.quantize.imatrix import imatrix as compute_imatrix

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


def inspect(
    gguf: Annotated[Path, typer.Argument(metavar="FILE.gguf", help="Any GGUF.")],
    as_json: Json = False,
) -> None:
    """Show what a GGUF says of itself: metadata, tokenizer, tensors."""
    from edgeval.cli.terminal import terminal
    from edgeval.gguf.inspect import inspect as inspect_gguf

    with progress_bars() as progress:
        found = inspect_gguf(gguf, progress=progress)
    if as_json:
        print_json(terminal.inspection_json(found))
    else:
        terminal.print_inspection(found)
