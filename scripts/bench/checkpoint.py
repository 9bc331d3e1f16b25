"""Write a TinyLlama-shaped checkpoint of random weights, to measure speed and memory with.

Example::

    python -m scripts.bench.checkpoint tl22 --tokenizer llama2_tokenizer.model

It needs the tokenizer of a real checkpoint (Llama 2's SentencePiece model with 32,000 pieces).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.lib import checkpoint


def main(
    out: Annotated[Path, typer.Argument(help="Folder to create.")],
    tokenizer: Annotated[Path, typer.Option(help="SentencePiece model with 32,000 pieces.")],
    seed: Annotated[int, typer.Option(help="Seed of the weights.")] = 0,
    layers: Annotated[int, typer.Option(help="Number of layers; 22 is TinyLlama's.")] = 22,
) -> None:
    """Write a TinyLlama-shaped checkpoint of random weights (bf16, 2.2 GB at 22 layers)."""
    checkpoint.write(out, tokenizer, {"num_hidden_layers": layers}, seed)
    typer.echo(out)


if __name__ == "__main__":
    typer.run(main)
