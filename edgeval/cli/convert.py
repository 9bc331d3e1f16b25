"""Command that makes a GGUF of a checkpoint."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import progress_bars
from edgeval.system.console import say


class DataType(str, Enum):
    """What a checkpoint's matrices are converted to."""

    f16 = "f16"
    bf16 = "bf16"
    f32 = "f32"
    q8_0 = "q8_0"


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
