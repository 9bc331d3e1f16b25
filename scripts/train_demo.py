"""Trains the embedded demo checkpoint: a small Llama on the texts of ``demo_world``.

The result is a Hugging Face checkpoint in the classic Llama layout (``tokenizer.model`` from
SentencePiece, ``model.safetensors`` in bfloat16), the held-out items and a log. Example::

    python scripts/train_demo.py --out models/demo
    python scripts/train_demo.py --out /tmp/smoke --steps 20 --device cpu
    python scripts/train_demo.py --out /tmp/larger --hidden 512 --layers 8 --rate 1e-3 \
        --steps 5000 --items 10042 --tokenizer models/demo/tokenizer.model

Needs torch, transformers, sentencepiece, safetensors, numpy and typer.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import platform
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import demo_world
import numpy as np
import typer

if TYPE_CHECKING:
    import sentencepiece as spm
    import torch
    from transformers import LlamaForCausalLM

UNK_ID, BOS_ID, EOS_ID = 0, 1, 2
IGNORED_LABEL = -100
TOKENIZER_TEXTS = 60_000
HELD_OUT_TEXTS = 1_000
LOG_EVERY_STEPS = 50


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


@dataclass(frozen=True)
class Settings:
    """Everything that shapes the checkpoint.

    The hidden and FFN sizes are multiples of 256, the super-block of llama.cpp's k-quants.
    """

    seed: int = 0
    steps: int = 14000
    variants: int = demo_world.VARIANTS
    items: int = demo_world.ITEM_COUNT
    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 768
    layers: int = 2
    heads: int = 8
    kv_heads: int = 2
    window_tokens: int = 512
    row_tokens: int = 256
    batch_rows: int = 16
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.02
    warmup_share: float = 0.04
    final_rate_share: float = 0.02
    bos_share: float = 0.6


@dataclass(frozen=True)
class Rows:
    """A batch of packed documents.

    Attributes:
        tokens: token ids, shape (rows, row_tokens), int64.
        labels: the next token of the same document, else ``IGNORED_LABEL``; same shape.
        positions: position in the document; same shape.
        documents: document number in the row, -1 where the row is empty; same shape.
    """

    tokens: np.ndarray[Any, np.dtype[np.int64]]
    labels: np.ndarray[Any, np.dtype[np.int64]]
    positions: np.ndarray[Any, np.dtype[np.int64]]
    documents: np.ndarray[Any, np.dtype[np.int64]]


class Log:
    """Writes each line to a file and to stderr."""

    def __init__(self, path: Path) -> None:
        """Starts an empty log at ``path``."""
        self._file = path.open("w", encoding="utf-8")
        self.started = time.monotonic()

    def __call__(self, line: str) -> None:
        """Adds one line."""
        self._file.write(line + "\n")
        self._file.flush()
        typer.echo(line, err=True)

    def elapsed_s(self) -> float:
        """Seconds since the log began."""
        return time.monotonic() - self.started


def train_tokenizer(texts: list[str], vocab_size: int) -> bytes:
    """Trains a SentencePiece BPE model with the options of Llama 2's.

    Args:
        texts: training texts.
        vocab_size: number of pieces, the 256 byte pieces included.

    Returns:
        The serialized model.
    """
    import sentencepiece as spm

    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        allow_whitespace_only_pieces=True,
        character_coverage=1.0,
        required_chars="".join(map(chr, range(0x21, 0x7F))),
        unk_id=UNK_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        pad_id=-1,
        minloglevel=1,
    )
    return model.getvalue()


def token_documents(
    tokenizer: spm.SentencePieceProcessor, texts: Iterator[str], settings: Settings
) -> Iterator[list[int]]:
    """Encodes texts; each ends with EOS and a share of them begins with BOS.

    Both kinds are needed: evaluation protocols differ in whether they add BOS.
    """
    rng = random.Random(f"bos-{settings.seed}")
    for text in texts:
        start = [BOS_ID] if rng.random() < settings.bos_share else []
        yield [*start, *tokenizer.encode(text), EOS_ID][: settings.row_tokens]


def pack(documents: Iterator[list[int]], rows: int, row_tokens: int) -> Iterator[Rows]:
    """Packs whole documents into batches of fixed shape, in order.

    Args:
        documents: token ids of each document, none longer than ``row_tokens``.
        rows: rows in a batch.
        row_tokens: tokens in a row.

    Yields:
        Full batches; what is left at the end is dropped.
    """
    batch: list[list[list[int]]] = [[]]
    used = 0
    for document in documents:
        if used + len(document) > row_tokens:
            if len(batch) == rows:
                yield _rows(batch, row_tokens)
                batch = []
            batch.append([])
            used = 0
        batch[-1].append(document)
        used += len(document)


def _rows(batch: list[list[list[int]]], row_tokens: int) -> Rows:
    shape = (len(batch), row_tokens)
    tokens = np.full(shape, EOS_ID, np.int64)
    labels = np.full(shape, IGNORED_LABEL, np.int64)
    positions = np.zeros(shape, np.int64)
    numbers = np.full(shape, -1, np.int64)
    for row, documents in enumerate(batch):
        begin = 0
        for number, document in enumerate(documents):
            end = begin + len(document)
            tokens[row, begin:end] = document
            labels[row, begin : end - 1] = document[1:]
            positions[row, begin:end] = np.arange(len(document))
            numbers[row, begin:end] = number
            begin = end
    return Rows(tokens, labels, positions, numbers)


def build_model(settings: Settings) -> LlamaForCausalLM:
    """Makes the untrained model."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=settings.vocab_size,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        max_position_embeddings=settings.window_tokens,
        rms_norm_eps=1e-5,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        tie_word_embeddings=False,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def batch_loss(model: LlamaForCausalLM, rows: Rows, device: torch.device) -> torch.Tensor:
    """Mean cross-entropy over a batch; no document sees another one."""
    import torch
    from torch.nn import functional

    documents = torch.from_numpy(rows.documents).to(device)
    same = documents[:, :, None] == documents[:, None, :]
    mask = (same & torch.ones_like(same[0]).tril())[:, None]
    logits = model(
        input_ids=torch.from_numpy(rows.tokens).to(device),
        attention_mask=mask,
        position_ids=torch.from_numpy(rows.positions).to(device),
        use_cache=False,
    ).logits
    labels = torch.from_numpy(rows.labels).to(device)
    return functional.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED_LABEL
    )


def rate_share(step: int, settings: Settings) -> float:
    """The learning rate's share of its peak: linear warm-up, then a cosine."""
    warmup = max(1, round(settings.steps * settings.warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, settings.steps - warmup)
    floor = settings.final_rate_share
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def train(
    model: LlamaForCausalLM,
    batches: Iterator[Rows],
    settings: Settings,
    device: torch.device,
    half: bool,
    log: Log,
) -> None:
    """Trains ``model`` in place for ``settings.steps`` batches."""
    import torch

    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95))
    model.train()
    for step, rows in enumerate(itertools.islice(batches, settings.steps)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate_share(step, settings)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            loss = batch_loss(model, rows, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % LOG_EVERY_STEPS == 0 or step + 1 == settings.steps:
            log(f"step {step + 1:5d}  loss {loss.item():.4f}  {log.elapsed_s():7.1f} s")


def round_weights(model: LlamaForCausalLM) -> None:
    """Rounds the weights to bfloat16, so that what is scored is what is saved."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(torch.bfloat16).to(parameter.dtype))


def held_out_loss(model: LlamaForCausalLM, batches: Iterator[Rows], device: torch.device) -> float:
    """Mean cross-entropy per token over fresh texts, in nats, float32."""
    import torch

    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in batches:
            scored = int((rows.labels != IGNORED_LABEL).sum())
            total += batch_loss(model, rows, device).item() * scored
            count += scored
    return total / count


def item_requests(
    tokenizer: spm.SentencePieceProcessor, item: dict[str, Any], bos: bool
) -> list[tuple[list[int], int, int]]:
    """One request an ending: token ids, where the ending starts, its characters."""
    preprocess = demo_world.strip_markers
    query = preprocess(
        f"{item['activity_label']}: {item['ctx_a']} {item['ctx_b'].capitalize()}"
    ).rstrip()
    start = [BOS_ID] if bos else []
    shared = len(start) + len(tokenizer.encode(query))
    requests = []
    for ending in map(preprocess, item["endings"]):
        requests.append(([*start, *tokenizer.encode(f"{query} {ending}")], shared, len(ending)))
    return requests


def score_items(
    model: LlamaForCausalLM,
    tokenizer: spm.SentencePieceProcessor,
    items: list[dict[str, Any]],
    bos: bool,
    device: torch.device,
) -> tuple[float, float]:
    """Scores the items in float32.

    Returns:
        acc (largest summed logprob) and acc_norm (largest summed logprob a character).
    """
    correct, correct_norm = 0, 0
    for begin in range(0, len(items), 32):
        chunk = items[begin : begin + 32]
        requests = [request for item in chunk for request in item_requests(tokenizer, item, bos)]
        logprobs = _summed_logprobs(model, requests, device).reshape(-1, 4)
        characters = np.array([request[2] for request in requests]).reshape(-1, 4)
        gold = np.array([int(item["label"]) for item in chunk])
        correct += int((logprobs.argmax(1) == gold).sum())
        correct_norm += int(((logprobs / characters).argmax(1) == gold).sum())
    return correct / len(items), correct_norm / len(items)


def _summed_logprobs(
    model: LlamaForCausalLM, requests: list[tuple[list[int], int, int]], device: torch.device
) -> np.ndarray[Any, np.dtype[np.float64]]:
    import torch

    width = max(len(ids) for ids, _, _ in requests)
    tokens = torch.full((len(requests), width), EOS_ID)
    scored = torch.zeros((len(requests), width - 1))
    for row, (ids, start, _) in enumerate(requests):
        tokens[row, : len(ids)] = torch.tensor(ids)
        scored[row, start - 1 : len(ids) - 1] = 1
    tokens = tokens.to(device)
    with torch.no_grad():
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()
    chosen = logits.log_softmax(-1).gather(2, tokens[:, 1:, None])[..., 0]
    summed = (chosen * scored.to(device)).double().sum(1).cpu().numpy()
    return np.asarray(summed, np.float64)


def classic_config(settings: Settings) -> dict[str, Any]:
    """``config.json`` with the keys that Llama checkpoints have had from the start."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "hidden_act": "silu",
        "hidden_size": settings.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": settings.intermediate_size,
        "max_position_embeddings": settings.window_tokens,
        "model_type": "llama",
        "num_attention_heads": settings.heads,
        "num_hidden_layers": settings.layers,
        "num_key_value_heads": settings.kv_heads,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": settings.vocab_size,
    }


def tokenizer_config(settings: Settings) -> dict[str, Any]:
    """``tokenizer_config.json`` for ``LlamaTokenizer``."""
    special = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    pieces = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(index): {"content": piece, **special, "special": True}
            for index, piece in enumerate(pieces.values())
        },
        "clean_up_tokenization_spaces": False,
        "legacy": False,
        "model_max_length": settings.window_tokens,
        "pad_token": None,
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer",
        **pieces,
    }


def save_checkpoint(out: Path, model: LlamaForCausalLM, settings: Settings) -> None:
    """Writes the weights and the JSON files of a Hugging Face checkpoint."""
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    files: dict[str, dict[str, Any]] = {
        "config.json": classic_config(settings),
        "tokenizer_config.json": tokenizer_config(settings),
        "special_tokens_map.json": {
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
        },
        "generation_config.json": {
            "_from_model_config": True,
            "bos_token_id": BOS_ID,
            "eos_token_id": EOS_ID,
        },
    }
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def pick_device(choice: Device) -> torch.device:
    """Resolves ``auto``; a device asked for by name and absent is an error."""
    import torch

    if choice is Device.AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if choice is Device.CUDA and not torch.cuda.is_available():
        raise typer.BadParameter("no CUDA device; use --device cpu or --device auto")
    return torch.device(choice.value)


def log_setup(log: Log, settings: Settings, device: torch.device, half: bool) -> None:
    """Writes what made this checkpoint: versions, settings and device."""
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
    """Trains tokenizer and model and writes the checkpoint, the items and the log.

    Args:
        out: folder to fill.
        settings: sizes, seed and schedule.
        device: where to train.
        half: whether the forward pass runs in bfloat16.
        tokenizer_model: a SentencePiece model to use; None to train one.
    """
    import sentencepiece as spm
    import torch

    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / "train.log")
    log_setup(log, settings, device, half)
    torch.manual_seed(settings.seed)

    world = demo_world.World(settings.seed, settings.variants)
    items = demo_world.held_out_items(world, settings.seed, settings.items)
    demo_world.write_items(items, out / "items.jsonl")
    log(f"world: {len(world.activities)} activities, {len(items)} held-out items")

    if tokenizer_model is None:
        texts = list(demo_world.corpus(world, items, TOKENIZER_TEXTS, settings.seed))
        pieces = train_tokenizer(texts, settings.vocab_size)
    else:
        pieces = tokenizer_model.read_bytes()
    (out / "tokenizer.model").write_bytes(pieces)
    tokenizer = spm.SentencePieceProcessor(model_proto=pieces)

    def batches(count: int, seed: int) -> Iterator[Rows]:
        told = demo_world.corpus(world, items, count, seed)
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
        int, typer.Option(min=1, max=len(demo_world.ADJECTIVES), help="Activities an object.")
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
    """Trains the demo checkpoint and writes it to a folder."""
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
