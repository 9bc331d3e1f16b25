"""Texts that a tokenizer may be asked for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from edgeval.checkpoints.cards import cards_folder
from tests.helpers.paths import SHARED

N_TEXTS = 10_000
# First and last code point: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Khmer, Kana,
# Han, Hangul, emoji, invisible marks, mathematical letters, ligatures, rare Han, private use,
# control characters, combining marks, variation selectors.
BLOCKS = [
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x370, 0x3FF),
    (0x400, 0x4FF),
    (0x590, 0x5FF),
    (0x600, 0x6FF),
    (0x900, 0x97F),
    (0xE00, 0xE7F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1FAFF),
    (0x2000, 0x206F),
    (0x1D400, 0x1D7FF),
    (0xFB00, 0xFDFF),
    (0x20000, 0x20FFF),
    (0xE000, 0xE0FF),
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0x300, 0x36F),
    (0xFE00, 0xFE0F),
]
GAPS = [" ", "  ", "   ", " " * 17, "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u200b", "\u2581"]
WORDS = ["a", "the", " .", "'s", "'LL", "123", "1234567", " word", "Word ", "!?", "don't", "é"]
TOKENS = ["<s>", "</s>", "<unk>", "<0x41>", "<|begin_of_text|>", "<|eot_id|>", "<|im_start|>"]
SIGNS = ["[word]", "[PAD]", "\U0001f680", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "e\u0301"]


def _real() -> list[str]:
    """Return real text, at most half of all."""
    shared = SHARED / "data" / "hellaswag_raw_500.jsonl"
    source = shared if shared.is_file() else cards_folder() / "demo" / "items.jsonl"
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    texts = [
        text
        for row in rows
        for text in (*row["endings"], f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b']}")
    ]
    return texts[: N_TEXTS // 2]


def make_texts() -> list[str]:
    """Return 10,000 texts: real ones, and as many that no one writes."""
    rng = random.Random(0)
    made = _real()
    kinds: list[Callable[[], str]] = [
        lambda: chr(rng.randint(*block)),
        lambda: chr(rng.randint(*rng.choice(BLOCKS))),
        lambda: rng.choice([*GAPS, *WORDS]),
        lambda: rng.choice([*GAPS, *WORDS, *TOKENS, *SIGNS]),
    ]
    while len(made) < N_TEXTS:
        block, kind = rng.choice(BLOCKS), rng.choice(kinds)
        made.append("".join(kind() for _ in range(rng.randint(1, 20))))
    return made
