"""Train the embedded demo checkpoint: a small Llama on the texts of ``scripts.demo.world``.

The result is a Hugging Face checkpoint in the classic Llama layout (``tokenizer.model`` from
SentencePiece, ``model.safetensors`` in bfloat16), the held-out items and a log. Example::

    python -m scripts.demo.train --out models/demo
    python -m scripts.demo.train --out /tmp/smoke --steps 20 --device cpu
    python -m scripts.demo.train --out /tmp/larger --hidden 512 --layers 8 --rate 1e-3 \
        --steps 5000 --items 10042 --tokenizer models/demo/tokenizer.model

Needs torch, transformers, sentencepiece, safetensors, numpy and typer.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.demo.activities import ADJECTIVES
from scripts.demo.log import Log
from scripts.demo.settings import Settings
from scripts.demo.tokens import Rows, pack, token_documents, train_tokenizer
from scripts.demo.world import World, corpus, held_out_items, write_items

if TYPE_CHECKING:
    import torch

TOKENIZER_TEXTS = 60_000
HELD_OUT_TEXTS = 1_000


class Device(str, Enum):
    """Where to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(str, Enum):
    """The arithmetic of the forward pass; the weights are float32 while they train."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def pick_device(choice: Device) -> torch.device:
    """Resolves ``auto``; a device asked for by name and absent is an error."""
    import torch

    if choice is Device.AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if choice is Device.CUDA and not torch.cuda.is_available():
        raise typer.BadParameter("no CUDA device; use --device cpu or --device auto")
    return torch.device(choice.value)


def log_setup(log: Log, settings: Settings, device: torch.device, half: bool) -> None:
    """Write what made this checkpoint: versions, settings and device."""
    import torch

    names = ("torch", "transformers", "sentencepiece", "safetensors", "numpy")
    log(f"python {platform.python_version()}  " + "  ".join(f"{n} {version(n)}" for n in names))
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    log(f"device {device.type} ({name}), {'bfloat16 autocast' if half else 'float32'}")
    log("settings " + json.dumps(asdict(settings)))


def make_checkpoint(
    out: Path,
    settings: Settings,
    device: torch.device,
    half: bool,
    tokenizer_model: Path | None = None,
) -> None:
    """Train tokenizer and model and write the checkpoint, the items and the log.

    Args:
        out: folder to fill.
        settings: sizes, seed and schedule.
        device: where to train.
        half: whether the forward pass runs in bfloat16.
        tokenizer_model: a SentencePiece model to use; None to train one.
    """
    # Not at the top: --help needs none of them.
    import sentencepiece as spm
    import torch

    from scripts.demo.checkpoint import save_checkpoint
    from scripts.demo.model import build_model, held_out_loss, round_weights, train
    from scripts.demo.scores import score_items

    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / "train.log")
    log_setup(log, settings, device, half)
    torch.manual_seed(settings.seed)

    world = World(settings.seed, settings.variants)
    items = held_out_items(world, settings.seed, settings.items)
    write_items(items, out / "items.jsonl")
    log(f"world: {len(world.activities)} activities, {len(items)} held-out items")

    if tokenizer_model is None:
        texts = list(corpus(world, items, TOKENIZER_TEXTS, settings.seed))
        pieces = train_tokenizer(texts, settings.vocab_size)
    else:
        pieces = tokenizer_model.read_bytes()
    (out / "tokenizer.model").write_bytes(pieces)
    tokenizer = spm.SentencePieceProcessor(model_proto=pieces)

    def batches(count: int, seed: int) -> Iterator[Rows]:
        told = corpus(world, items, count, seed)
        documents = token_documents(tokenizer, told, settings)
        return pack(documents, settings.batch_rows, settings.row_tokens)

    model = build_model(settings).to(device)
    log(f"model: {sum(p.numel() for p in model.parameters()):,} parameters")
    # No text is shorter than 10 tokens, so this is always enough.
    enough = settings.steps * settings.batch_rows * settings.row_tokens // 10
    train(model, batches(enough, settings.seed), settings, device, half, log)

    round_weights(model)
    save_checkpoint(out, model, settings)
    loss = held_out_loss(model, batches(HELD_OUT_TEXTS, settings.seed + 1), device)
    log(f"held-out loss {loss:.4f} nats a token (float32, weights rounded to bfloat16)")
    for bos in (False, True):
        acc, acc_norm = score_items(model, tokenizer, items, bos, device)
        log(f"items {'with' if bos else 'without'} BOS: acc {acc:.4f}  acc_norm {acc_norm:.4f}")
    log(f"wall time {log.elapsed_s():.0f} s")


def main(
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    seed: Annotated[int, typer.Option(help="Seed of world, texts and weights.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = Settings.steps,
    variants: Annotated[
        int, typer.Option(min=1, max=len(ADJECTIVES), help="Activities an object.")
    ] = Settings.variants,
    items: Annotated[int, typer.Option(min=1, help="Held-out items.")] = Settings.items,
    hidden: Annotated[
        int, typer.Option(min=256, help="Hidden size; the FFN has three times as many.")
    ] = Settings.hidden_size,
    layers: Annotated[int, typer.Option(min=1, help="Transformer layers.")] = Settings.layers,
    tokenizer: Annotated[
        Path | None, typer.Option(help="SentencePiece model to use instead of training one.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = Settings.learning_rate,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.AUTO,
    precision: Annotated[
        Precision, typer.Option(help="auto: bfloat16 on CUDA, float32 on a CPU.")
    ] = Precision.AUTO,
) -> None:
    """Train the demo checkpoint and write it to a folder."""
    where = pick_device(device)
    half = precision is Precision.BFLOAT16 or (precision is Precision.AUTO and where.type == "cuda")
    settings = Settings(
        seed=seed,
        steps=steps,
        variants=variants,
        items=items,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        layers=layers,
        learning_rate=rate,
    )
    make_checkpoint(out, settings, where, half, tokenizer)


if __name__ == "__main__":
    typer.run(main)
