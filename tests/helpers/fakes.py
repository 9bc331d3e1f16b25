"""Stand-ins for a model, and short ways to make items and scores, for tests of the logic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeval.llama import Device
from edgeval.system.progress import NoProgress, Task
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.requests import Int32

BOS_TEXT, EOS_TEXT = "<s>", "<eos>"


_OF_KERNELS = re.compile(
    r"(checking|timing) llama\.cpp's kernels |llama\.cpp's (plain|default) kernels compute "
)


_OF_PROGRESS = re.compile(r".+: [\d,.]+ (of [\d,.]+ )?(MB|chunks|items|tensors|tests)(?= \(|, |$)")


_OF_FORECASTS = re.compile(r"This run takes about |It takes about |Cheaper: |There was no time ")
_OF_CPU = (_OF_KERNELS, _OF_PROGRESS, _OF_FORECASTS)


def without_kernels(lines: Iterable[str]) -> list[str]:
    """Return lines without what depends on the CPU: kernels, forecasts, progress of slow work."""
    return [line for line in lines if not any(known.match(line) for known in _OF_CPU)]


class Lines(NoProgress):
    """Keeps what is logged but for what depends on the CPU."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines += without_kernels([message])


class StopAfter(NoProgress):
    """Presses Ctrl-C after some items."""

    def __init__(self, n_items: int) -> None:
        self._left = n_items

    def task(self, *_: object) -> Any:
        return self

    def __enter__(self) -> Task:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def resize(self, total: float) -> None:
        pass

    def skip(self, amount: float) -> None:
        pass

    def advance(self, amount: float, note: str = "") -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt


class FakeTokenizer:
    """One token a character, except for the given pieces, which are one token wherever they occur.

    ``special`` pieces count only where special tokens are parsed. Token ids are remembered, so that
    a test can read back the text of each token.
    """

    def __init__(
        self,
        pieces: Iterable[str] = (),
        *,
        special: Iterable[str] = (),
        has_bos: bool = True,
        has_eos: bool = False,
        n_context_train: int = 1000,
    ) -> None:
        self._pieces = tuple(pieces)
        self._special = tuple(special)
        self._texts: list[str] = [BOS_TEXT, EOS_TEXT]
        self.bos: int | None = 0 if has_bos else None
        self.eos: int | None = 1 if has_eos else None
        self.first: int | None = 0
        self.mark: str | None = BOS_TEXT
        self.controls: dict[int, str] = {}
        self.n_context_train = n_context_train

    def tokenize(self, text: str, *, parse_special: bool = False) -> Int32:
        pieces = self._pieces + (self._special if parse_special else ())
        ids = []
        while text:
            piece = next((piece for piece in pieces if text.startswith(piece)), text[0])
            if piece not in self._texts[2:]:
                self._texts.append(piece)
            ids.append(self._texts.index(piece, 2))
            text = text[len(piece) :]
        return np.array(ids, dtype=np.int32)

    def texts(self, tokens: Int32) -> list[str]:
        """Return the text of each token."""
        return [self._texts[token] for token in tokens]


def make_item(
    context: str = "context",
    choices: Sequence[str] = ("a", "b", "c", "d"),
    *,
    gold: int = 0,
    name: str = "7",
    group: str = "all",
) -> Item:
    return Item(name, group, (context,), tuple(choices), gold)


def make_score(
    logprobs: Sequence[float], item: Item | None = None, token_means: Sequence[float] | None = None
) -> ItemScore:
    """Return a score in which every choice has one token, unless the means say otherwise."""
    return ItemScore(
        item=item or make_item(choices=["x"] * len(logprobs)),
        logprobs=tuple(logprobs),
        n_tokens=(1,) * len(logprobs),
        token_means=tuple(logprobs if token_means is None else token_means),
        is_greedy=(False,) * len(logprobs),
    )


def score_picking(pick: int, *, gold: int, name: str = "7") -> ItemScore:
    """Return a score of four equally long choices that picks one of them under every metric."""
    logprobs = [-1.0 if choice == pick else -2.0 for choice in range(4)]
    return make_score(logprobs, make_item(gold=gold, name=name))


@dataclass(frozen=True)
class PretendedDevice(Device):
    """A GPU that the CPU stands in for: its null pointer ends llama.cpp's list of devices.

    Attributes:
        free: What it says of its free memory, in bytes.
    """

    free: int = 64 * 2**30

    def memory(self) -> tuple[int, int]:
        return self.free, self.free


def make_device(backend: str = "cuda", number: int = 0, **changes: Any) -> PretendedDevice:
    return PretendedDevice(
        name=f"{backend.upper()}{number}",
        description=f"{backend.title()} Card",
        backend=backend,
        **changes,
    )
