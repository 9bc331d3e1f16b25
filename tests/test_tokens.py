"""The tokens of a converted tokenizer are those of the library that defines it, text by text."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import checkpoint_forms
import pytest
import tokenizers_of_demo
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from edgeval import llama
from edgeval.cards import cards_folder
from edgeval.convert import convert

Encode = Callable[[str], list[int]]

N_STRINGS = 10_000
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


def _texts() -> list[str]:
    """Return real text, the half of what is tested at most."""
    shared = Path(__file__).parents[2] / "shared" / "data" / "hellaswag_raw_500.jsonl"
    source = shared if shared.is_file() else cards_folder() / "demo" / "items.jsonl"
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    texts = [
        text
        for row in rows
        for text in (*row["endings"], f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b']}")
    ]
    return texts[: N_STRINGS // 2]


@pytest.fixture(scope="module")
def strings() -> list[str]:
    """Return real text, and as much that no one writes."""
    rng = random.Random(0)
    made = _texts()
    kinds: list[Callable[[], str]] = [
        lambda: chr(rng.randint(*block)),
        lambda: chr(rng.randint(*rng.choice(BLOCKS))),
        lambda: rng.choice([*GAPS, *WORDS]),
        lambda: rng.choice([*GAPS, *WORDS, *TOKENS, *SIGNS]),
    ]
    while len(made) < N_STRINGS:
        block, kind = rng.choice(BLOCKS), rng.choice(kinds)
        made.append("".join(kind() for _ in range(rng.randint(1, 20))))
    return made


def _converted(form: str, folder: Path) -> tuple[Path, Path]:
    directory = checkpoint_forms.write(form, folder)
    return directory, convert(directory, folder / f"{form}.gguf")


def assert_same(gguf: Path, encode: Encode, strings: list[str], *, parse_special: bool) -> None:
    with llama.Vocabulary(gguf) as vocabulary:
        different = [
            (text, tokens, expected)
            for text in strings
            if (tokens := vocabulary.tokenize(text, parse_special=parse_special).tolist())
            != (expected := encode(text))
        ]
    assert different == []


def _from_json(path: Path) -> Encode:
    tokenizer = Tokenizer.from_file(str(path))
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("form", ["as-it-is", "no-dummy-prefix"])
def test_sentencepiece(form: str, strings: list[str], tmp_path: Path) -> None:
    directory, gguf = _converted(form, tmp_path)
    model = SentencePieceProcessor(model_proto=(directory / "tokenizer.model").read_bytes())
    assert_same(gguf, model.encode, strings, parse_special=False)


@pytest.mark.parametrize(
    "form",
    [
        "with-tokenizer-json",
        "only-sentencepiece-json",
        "only-sentencepiece-json-added",
        "byte-level",
        "byte-level-pairs",
        "byte-level-without-bos",
    ],
)
def test_tokenizer_json(form: str, strings: list[str], tmp_path: Path) -> None:
    directory, gguf = _converted(form, tmp_path)
    encode = _from_json(directory / "tokenizer.json")
    assert_same(gguf, encode, strings, parse_special=True)


def test_the_real_pieces_of_llama_2(strings: list[str], shared: Path, tmp_path: Path) -> None:
    """As SentencePiece's own file, and as the merges that are made of it."""
    path = shared / "data" / "llama2_tokenizer.model"
    model = SentencePieceProcessor(model_proto=path.read_bytes())
    for name, content in (
        ("tokenizer.model", path.read_bytes()),
        ("tokenizer.json", json.dumps(tokenizers_of_demo.sentencepiece_json(model))),
    ):
        form = checkpoint_forms.demo()
        del form.files["tokenizer.model"]
        form.files[name] = content
        form.resize(model.vocab_size())
        directory = form.write(tmp_path / name)
        gguf = convert(directory, tmp_path / f"{name}.gguf")
        assert_same(gguf, model.encode, strings, parse_special=False)
