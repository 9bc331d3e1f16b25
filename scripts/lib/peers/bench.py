"""What all sections share: the settings, the items and the models."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import typer

from edgeval.stats import sampling
from scripts.lib import checkpoint
from scripts.lib.paths import DEMO
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import PeerError, run

EDGEVAL = (sys.executable, "-m", "edgeval")
TEXT_LINES = 6
"""Lines of an item in llama.cpp's text format: context, label and four endings."""


@dataclass(frozen=True)
class Items:
    """The same items for every tool.

    Attributes:
        jsonl: In the schema of ``Rowan/hellaswag``.
        text: In llama.cpp's six-line format, in the same order.
        n: Number of items.
        groups: Number of items of each group.
    """

    jsonl: Path
    text: Path
    n: int
    groups: dict[str, int]

    @property
    def label(self) -> str:
        """How many items of which groups, in words."""
        groups = ", ".join(f"{n:,} {group}" for group, n in sorted(self.groups.items()))
        return f"{self.n:,} items ({groups})"


@dataclass(frozen=True)
class Bench:
    """One run of the comparisons.

    Attributes:
        folder: Where everything is kept that is made.
        data: All items, in the schema of ``Rowan/hellaswag``.
        text: The same items in llama.cpp's six-line format.
        tokenizer: Llama 2's SentencePiece model.
        peers: The peers' programs.
        threads: CPU threads of every tool.
        n_items: Items that speed is measured on.
        n_lm_eval_items: Items that lm-evaluation-harness's speed is measured on.
        rounds: How often edgeval and llama-perplexity are run in turn.
        limit: Most items in any section; for rehearsals.
        layers: Layers of the TinyLlama-shaped model; 22 is TinyLlama's.
    """

    folder: Path
    data: Path
    text: Path
    tokenizer: Path
    peers: Peers
    threads: int
    n_items: int
    n_lm_eval_items: int
    rounds: int
    limit: int | None
    layers: int
    _seed: int = field(default=0, repr=False)

    @cached_property
    def _records(self) -> list[str]:
        lines = self.data.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.strip()]

    @cached_property
    def _blocks(self) -> list[str]:
        lines = self.text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        starts = range(0, len(lines), TEXT_LINES)
        blocks = ["\n".join(lines[start : start + TEXT_LINES]) + "\n" for start in starts]
        labels = [block.split("\n")[1].strip() for block in blocks]
        if labels != [str(json.loads(record)["label"]) for record in self._records]:
            raise PeerError(
                f"{self.text.name} does not hold the items of {self.data.name}, in order"
            )
        return blocks

    @cached_property
    def _groups(self) -> list[str]:
        return [str(json.loads(record)["source_id"]).partition("~")[0] for record in self._records]

    def items(self, n: int | None = None) -> Items:
        """Return all items, or the first ``n`` of a seeded random order, stratified by group.

        A smaller slice is the beginning of a larger one.
        """
        wanted = min(n or len(self._records), self.limit or len(self._records))
        order = sampling.order_items(self._groups, "random", self._seed)
        chosen = order[:wanted] if wanted < len(order) else range(len(order))
        records = "".join(f"{self._records[index]}\n" for index in chosen)
        digest = hashlib.sha256(records.encode()).hexdigest()[:8]
        jsonl = self.folder / "items" / f"{wanted}-{digest}.jsonl"
        jsonl.parent.mkdir(parents=True, exist_ok=True)
        # llama-perplexity tells items by their lines: no line end may be translated.
        jsonl.write_bytes(records.encode())
        text = jsonl.with_suffix(".txt")
        text.write_bytes("".join(self._blocks[index] for index in chosen).encode())
        return Items(jsonl, text, wanted, Counter(self._groups[index] for index in chosen))

    def demo(self, dtype: str) -> Path:
        """Return the demo's GGUF, made anew: it takes no time."""
        return self._convert(DEMO, dtype, again=True)

    @cached_property
    def tinyllama(self) -> Path:
        """A checkpoint of TinyLlama's shape with random weights."""
        folder = self.folder / f"tl{self.layers}"
        if not folder.exists():
            _say(f"making a TinyLlama-shaped checkpoint of {self.layers} layers")
            part = folder.with_name(f"{folder.name}.part")
            checkpoint.write(part, self.tokenizer, {"num_hidden_layers": self.layers})
            part.rename(folder)
        return folder

    def tinyllama_gguf(self, file_type: str) -> Path:
        """Return the TinyLlama-shaped GGUF of a type, converted or quantized if it is not there."""
        if file_type in ("F16", "F32"):
            return self._convert(self.tinyllama, file_type.lower())
        source = self.tinyllama_gguf("F16")
        target = source.with_name(f"{self.tinyllama.name}-{file_type}.gguf")
        if not target.exists():
            _say(f"quantizing {source.name} to {file_type}")
            run([*EDGEVAL, "quantize", source, file_type, "--out-dir", target.parent])
        return target

    def _convert(self, checkpoint: Path, dtype: str, *, again: bool = False) -> Path:
        target = self.folder / "gguf" / f"{checkpoint.name}-{dtype.upper()}.gguf"
        target.parent.mkdir(parents=True, exist_ok=True)
        if again:
            target.unlink(missing_ok=True)
        if not target.exists():
            _say(f"converting {checkpoint.name} to {dtype.upper()}")
            run([*EDGEVAL, "convert", checkpoint, target, "--dtype", dtype])
        return target


def _say(message: str) -> None:
    typer.echo(message, err=True)
